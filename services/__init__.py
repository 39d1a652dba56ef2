"""Parley's services. Each sub-package is one process; they share only `services.common`."""

__version__ = "0.1.0"
"""As in pyproject.toml: services run from a checkout as well as installed, so neither can look it up."""
