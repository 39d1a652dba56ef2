"""Parley's services. Each sub-package is one process; they share only `services.common`."""
