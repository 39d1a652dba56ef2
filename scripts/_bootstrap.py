"""Makes the virtual environment out of a hash-pinned lock. Standard library only: it runs first."""

import hashlib
import os
import subprocess
import sys
import venv
from pathlib import Path
from typing import NoReturn

ROOT = Path(__file__).resolve().parent.parent
MIN_PYTHON = (3, 11)
_CANDIDATES = ("python3.13", "python3.12", "python3.11")


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
    environment = ROOT / folder
    python = environment / "bin" / "python"
    lock = ROOT / "requirements" / f"{lock_name}.txt"
    stamp = environment / f".installed-{lock_name}"
    wanted = hashlib.sha256(lock.read_bytes() + sys.version.encode()).hexdigest()
    if python.exists() and stamp.exists() and stamp.read_text() == wanted:
        return python
    if not python.exists():
        print(f"making {folder} …", flush=True)
        venv.create(environment, with_pip=True)
    print(f"installing requirements/{lock_name}.txt …", flush=True)
    subprocess.run(
        [
            str(python),
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
            "--require-hashes",
            "-r",
            str(lock),
        ],
        check=True,
    )
    stamp.write_text(wanted)
    return python


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
