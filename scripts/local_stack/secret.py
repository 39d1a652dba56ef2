"""The `.env` file: made on the first start with a fresh secret, readable by its owner alone."""

import os
import secrets
from collections.abc import Mapping
from pathlib import Path

from dotenv import dotenv_values

SECRET_BYTES = 32
_HEADER = "# Settings of this installation. The secret signs tokens: whoever has it can be anybody.\n"


def ensure_dotenv(path: Path, environment: Mapping[str, str]) -> dict[str, str]:
    """The file's settings, with a key to sign or check tokens by. Makes what is missing, mode 600.

    Nothing is made where the environment or the file names a key already.
    """
    present = _read(path)
    if not any(environment.get(name) or present.get(name) for name in ("JWT_SECRET", "JWT_JWKS_URL")):
        _append(path, f"JWT_SECRET={secrets.token_hex(SECRET_BYTES)}\n")
        present = _read(path)
    if path.exists():
        path.chmod(0o600)
    return present


def settings_of(path: Path, environment: Mapping[str, str]) -> dict[str, str]:
    """What processes are started with: the file's settings, and over them the environment's."""
    return {**_read(path), **environment}


def _read(path: Path) -> dict[str, str]:
    values = dotenv_values(path, interpolate=False) if path.exists() else {}
    return {name: value for name, value in values.items() if value is not None}


def _append(path: Path, line: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    with os.fdopen(descriptor, "a", encoding="utf-8") as file:
        if file.tell() == 0:
            file.write(_HEADER)
        elif not path.read_text(encoding="utf-8").endswith("\n"):
            file.write("\n")
        file.write(line)
