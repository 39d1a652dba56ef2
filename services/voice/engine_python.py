"""Which interpreter runs an engine that has an environment of its own. Used by the adapters with torch.

torch beside the recogniser costs it 2.7 s and 225 MB at every start, so Coqui and openai-whisper live in
their own environment (`./scripts/engines-env`), and run in child processes of its interpreter.
"""

import importlib.util
import sys
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class EnginePython:
    """`executable`: the interpreter; None: the one that runs this service."""

    executable: Path | None = None

    @property
    def command(self) -> str:
        return str(self.executable or sys.executable)

    def has(self, package: str) -> bool:
        """Whether it could import the package; found without running it."""
        if self.executable is None:
            return importlib.util.find_spec(package) is not None
        environment = self.executable.parent.parent
        return any(environment.glob(f"lib/python*/site-packages/{package}/__init__.py"))
