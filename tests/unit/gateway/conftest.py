"""A stack that happens to run in this checkout is not looked at by these tests."""

from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def _no_running_stack(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PARLEY_WHEREABOUTS", str(tmp_path / "none"))
    monkeypatch.delenv("REDIS_URL", raising=False)
