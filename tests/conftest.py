"""Skips a test whose part is missing on this machine, naming the part; `--strict-parts` fails it instead.

A part is model weights (`@pytest.mark.models("whisper-base")`), the environment with torch (`engines`),
a Docker engine (`docker`), Prometheus (`prometheus`) or Chromium (`browser`). `./scripts/test --all` asks
for strict parts.
"""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
ENGINES_PYTHON = ROOT / ".venv-engines" / "bin" / "python"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--strict-parts", action="store_true", help="fail, not skip, a test whose part is missing"
    )


def models_dir() -> Path:
    """Where the weights of the tests lie: `PARLEY_MODELS_DIR`, or the folder that `./scripts/up` fills."""
    return Path(os.environ.get("PARLEY_MODELS_DIR", ROOT / ".parley" / "models"))


@pytest.fixture(scope="session", name="models_dir")
def models_dir_fixture() -> Path:
    return models_dir()


def pytest_runtest_setup(item: pytest.Item) -> None:
    missing = [part for mark in item.iter_markers() for part in _missing_parts(mark)]
    if not missing:
        return
    reason = f"not on this machine: {', '.join(sorted(set(missing)))}"
    if item.config.getoption("--strict-parts"):
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


def _missing_parts(mark: pytest.Mark) -> list[str]:
    match mark.name:
        case "models":
            assert mark.args, "name the models that the test needs: @pytest.mark.models('whisper-base')"
            return [f"the model {name}" for name in mark.args if not (models_dir() / name).is_dir()]
        case "engines":
            return [] if ENGINES_PYTHON.exists() else ["the environment with torch (./scripts/engines-env)"]
        case "docker":
            return [] if _docker_answers() else ["a Docker engine"]
        case "prometheus":
            return [program for program in ("prometheus", "promtool") if shutil.which(program) is None]
        case "browser":
            return [] if shutil.which("chromium") else ["Chromium"]
    return []


def _docker_answers() -> bool:
    if shutil.which("docker") is None:
        return False
    return subprocess.run(["docker", "info"], capture_output=True, timeout=20, check=False).returncode == 0
