"""A service without a good secret refuses to start, and says which variable is at fault. Real processes."""

import os
import subprocess
import sys

import pytest

from services.common.settings import EXIT_CONFIGURATION
from tests.conftest import ROOT

pytestmark = pytest.mark.slow
START_SECONDS = 120.0
"""Only ever reached when a test fails: a refusal takes as long as Python takes to import."""
SERVICES = ("services.voice", "services.chat", "gateway.health_monitor")


@pytest.mark.parametrize("secret", ["", "short"], ids=["empty", "short"])
@pytest.mark.parametrize("service", SERVICES)
def test_a_service_with_a_bad_secret_does_not_start_and_names_the_variable(service: str, secret: str) -> None:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("JWT_")}
    ended = subprocess.run(
        [sys.executable, "-P", "-m", service],
        cwd=ROOT,
        env={**kept, "JWT_SECRET": secret, "PORT": "0", "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=START_SECONDS,
        check=False,
    )
    assert ended.returncode == EXIT_CONFIGURATION
    assert "refusing to start: JWT_SECRET" in ended.stderr
    assert "Traceback" not in ended.stderr
