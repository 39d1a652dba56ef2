"""A fresh clone and Python: `./scripts/up` gets to ready, `./scripts/down` leaves nothing behind."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import psutil
import pytest

from scripts.local_stack.ports import choose, is_free
from tests.conftest import ROOT

pytestmark = [
    pytest.mark.slow,
    pytest.mark.models("whisper-base", "kokoro-int8-ja", "smollm2-135m-instruct"),
]
START_SECONDS = 1200.0
"""Every package is installed. Only ever reached when a test fails."""
_KEPT = ("PATH", "HOME", "LANG", "TMPDIR", "LD_LIBRARY_PATH", "SSL_CERT_FILE", "http_proxy", "https_proxy")


@pytest.fixture
def clone() -> Iterator[Path]:
    """The files under version control, as they are now, and nothing else."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True)
    with tempfile.TemporaryDirectory(prefix="parley-") as folder:
        for name in filter(None, listed.stdout.decode().split("\0")):
            if (ROOT / name).is_file():
                target = Path(folder, name)
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(ROOT / name, target)
        yield Path(folder)


def test_a_fresh_clone_gets_to_ready_twice_and_down_leaves_nothing(clone: Path, models_dir: Path) -> None:
    """The models are copied from this checkout: fetching them is the manifests' tests' matter."""
    environment = _environment(models_dir)
    for _ in range(2):
        port = choose(8080, taken=[8080])
        _run(clone, environment, "up", "--detach", "--port", str(port))
        try:
            status = _status(clone, environment)
            assert status["phase"] == "ready"
            assert _processes_of(clone)
            assert "✓" in _run(clone, environment, "demo")
        finally:
            _run(clone, environment, "down")
        assert _processes_of(clone) == []
        assert [one["port"] for one in status["processes"] if one["port"] and not is_free(one["port"])] == []
    assert (clone / ".env").stat().st_mode & 0o777 == 0o600


def _environment(models_dir: Path) -> dict[str, str]:
    """A stranger's, with no environment active. pip's own settings say where packages come from."""
    kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
    pip = {name: value for name, value in os.environ.items() if name.startswith(("PIP_", "UV_"))}
    return {**kept, **pip, "PARLEY_MODELS_FROM": str(models_dir.resolve())}


def _run(clone: Path, environment: Mapping[str, str], command: str, *arguments: str) -> str:
    """With the interpreter that this environment was made from: the clone has none of its own yet."""
    python = Path(sys.base_prefix, "bin", f"python{sys.version_info.major}.{sys.version_info.minor}")
    done = subprocess.run(
        [str(python), str(clone / "scripts" / command), *arguments],
        cwd=clone,
        env=dict(environment),
        capture_output=True,
        text=True,
        timeout=START_SECONDS,
        check=False,
    )
    assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
    return done.stdout


def _status(clone: Path, environment: Mapping[str, str]) -> Mapping[str, Any]:
    found: Mapping[str, Any] = json.loads(_run(clone, environment, "status", "--json"))
    return found


def _processes_of(clone: Path) -> list[str]:
    """Command lines of whatever runs out of the clone's folder."""
    lines = (" ".join(process.info["cmdline"] or ()) for process in psutil.process_iter(["cmdline"]))
    return [line for line in lines if str(clone) in line]
