"""What `./scripts/test --all` needs of the system: installed where that can be done, named where it cannot.

Standard library only: it runs before anything is installed.
"""

import os
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

_APT_SECONDS = 900


@dataclass(frozen=True)
class SystemPart:
    """`command`: what its presence is told by; `packages`: Debian's."""

    name: str
    command: str
    packages: Sequence[str]

    @property
    def present(self) -> bool:
        return shutil.which(self.command) is not None


CHROMIUM = SystemPart("Chromium", "chromium", ("chromium",))
"""Debian's own: Playwright's is a download from elsewhere, and tests what nobody here uses."""


def ensure_system_parts(parts: Sequence[SystemPart] = (CHROMIUM,)) -> None:
    """Never fails: a test whose part is missing says so itself, and `--all` fails it."""
    missing = [part for part in parts if not part.present]
    if not missing:
        return
    names = ", ".join(part.name for part in missing)
    if not _may_install():
        print(f"missing on this machine: {names} (as root on Debian, it would be installed)", flush=True)
        return
    print(f"installing {names} …", flush=True)
    packages = [package for part in missing for package in part.packages]
    if not (_apt_get("update") and _apt_get("install", "--yes", "--no-install-recommends", *packages)):
        print(f"apt-get could not install {names}", flush=True)


def _may_install() -> bool:
    return os.geteuid() == 0 and Path("/etc/debian_version").exists() and shutil.which("apt-get") is not None


def _apt_get(*arguments: str) -> bool:
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    command = ["apt-get", "-qq", *arguments]
    try:
        return subprocess.run(command, env=environment, timeout=_APT_SECONDS, check=False).returncode == 0
    except subprocess.TimeoutExpired:
        return False
