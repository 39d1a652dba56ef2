"""Makes the virtual environment out of a hash-pinned lock. Standard library only: it runs first."""

import hashlib
import os
import subprocess
import sys
import venv
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

ROOT = Path(__file__).resolve().parent.parent
MIN_PYTHON = (3, 11)
_CANDIDATES = ("python3.13", "python3.12", "python3.11")
ENGINES_FOLDER = ".venv-engines"
TORCH = "torch==2.13.0"


def require_python(argv: list[str]) -> None:
    """Goes on with a newer interpreter from the PATH where this one is too old, or says what is needed."""
    if sys.version_info >= MIN_PYTHON:
        return
    for name in _CANDIDATES:
        try:
            os.execvp(name, [name, *argv])
        except OSError:
            continue
    sys.exit("Parley needs Python 3.11 or newer; this is " + sys.version.split()[0] + ".")


def ensure_environment(lock_name: str, folder: str = ".venv") -> Path:
    """The interpreter of an environment with exactly this lock installed; quick when nothing has changed."""
    python = ROOT / folder / "bin" / "python"
    with _unless_installed(lock_name, folder) as missing:
        if missing:
            _pip(python, "--require-hashes", "-r", str(_lock(lock_name)))
    return python


def ensure_engines_environment() -> Path:
    """The interpreter of the environment with torch, whose lock leaves the choice of torch to the machine.

    torchaudio comes for what Coqui imports of it; its own libraries are built for CUDA and would not load.
    """
    python = engines_python()
    with _unless_installed("engines", ENGINES_FOLDER) as missing:
        if missing:
            _pip(python, TORCH)
            _pip(python, "--no-deps", "--require-hashes", "-r", str(_lock("engines")))
            for library in python.parent.parent.glob("lib/python*/site-packages/torchaudio/lib/*.so"):
                library.unlink()
    return python


def engines_python() -> Path:
    return ROOT / ENGINES_FOLDER / "bin" / "python"


@contextmanager
def _unless_installed(lock_name: str, folder: str) -> Iterator[bool]:
    """Whether the lock is yet to be installed; remembered as installed when the block ends well."""
    environment = ROOT / folder
    stamp = environment / f".installed-{lock_name}"
    wanted = hashlib.sha256(_lock(lock_name).read_bytes() + sys.version.encode()).hexdigest()
    python = environment / "bin" / "python"
    if python.exists() and stamp.exists() and stamp.read_text() == wanted:
        yield False
        return
    if not python.exists():
        print(f"making {folder} …", flush=True)
        venv.create(environment, with_pip=True)
    print(f"installing requirements/{lock_name}.txt …", flush=True)
    yield True
    stamp.write_text(wanted)


def _lock(name: str) -> Path:
    return ROOT / "requirements" / f"{name}.txt"


def _pip(python: Path, *arguments: str) -> None:
    command = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *arguments]
    subprocess.run(command, check=True)


def enter_environment(lock_name: str = "local") -> None:
    """Goes on with the running script inside the environment, which is made first where there is none."""
    require_python(sys.argv)
    python = ensure_environment(lock_name)
    if Path(sys.prefix).resolve() != python.parent.parent.resolve():
        os.execv(python, [str(python), *sys.argv])


def run_in_environment(lock_name: str, module: str, command: str) -> NoReturn:
    """Goes on as `python -m module command …` inside of the environment, with this script's arguments."""
    require_python(sys.argv)
    python = str(ensure_environment(lock_name))
    os.environ["PYTHONPATH"] = str(ROOT)
    os.execv(python, [python, "-P", "-m", module, command, *sys.argv[1:]])
