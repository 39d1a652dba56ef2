"""The monitor's flags and exit codes, against upstreams that are not there."""

import json
from pathlib import Path

import pytest

from gateway.health_monitor.cli import main
from gateway.routing_file import load_routing
from gateway.schema import upstreams_variable
from tests.support.valkey import free_port


@pytest.fixture(autouse=True)
def _upstreams_that_are_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where they are by default, a suite may be running on this machine."""
    for service in load_routing().services:
        monkeypatch.setenv(upstreams_variable(service), f"127.0.0.1:{free_port()}")


def test_once_exits_1_and_names_what_is_wrong(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--once", "--json", "--timeout", "0.2"]) == 1
    found = {row["service"]: row for row in json.loads(capsys.readouterr().out)}
    assert found["voice-interaction-service"]["error"] == "nothing listens there"
    assert found["voice-interaction-service"]["consecutive_failures"] == 1


def test_flags_may_come_from_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    flags = tmp_path / "monitor.flags"
    flags.write_text("--once\n--failure-threshold=1\n--json\n--timeout=0.2\n")
    assert main([f"@{flags}"]) == 1
    assert {row["state"] for row in json.loads(capsys.readouterr().out)} == {"open"}


def test_a_refused_routing_file_is_told_with_its_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    routing = tmp_path / "routing.yml"
    routing.write_text("services:\n  chat: 7\n")
    assert main(["--once", "--routing", str(routing)]) == 2
    assert "routing.yml:2" in capsys.readouterr().err


@pytest.mark.parametrize("flag", ["--interval=0", "--timeout=-1", "--reset-timeout=soon"])
def test_a_time_that_is_none_is_refused(flag: str) -> None:
    with pytest.raises(SystemExit):
        main([flag])
