"""The secret, the state file and the logs of the local stack."""

import stat
from dataclasses import replace
from pathlib import Path

from scripts.local_stack.logs import last_lines, rotate_if_large
from scripts.local_stack.secret import ensure_dotenv, settings_of
from scripts.local_stack.snapshot import Canary, Phase, ProcessId, ProcessState, StackState, StateFile
from services.common.signing_secret import refuse_weak_secret

RUNNING = StackState(
    Phase.READY,
    "http://localhost:8080",
    "small",
    ProcessId(12, 1000.5),
    started_at=1000.0,
    processes=(ProcessState("voice", 8006, "http://x", Phase.READY, ProcessId(13, 1001.5), restarts=2),),
    canary=Canary(True, "It spoke and understood itself.", 1.5),
    start_seconds=7.5,
)


def test_the_first_start_makes_a_secret_that_only_its_owner_reads(tmp_path: Path) -> None:
    made = ensure_dotenv(tmp_path / ".env", {})
    assert len(bytes.fromhex(made["JWT_SECRET"])) == 32
    refuse_weak_secret(made["JWT_SECRET"])
    assert stat.S_IMODE((tmp_path / ".env").stat().st_mode) == 0o600


def test_the_secret_stays_the_same_from_start_to_start(tmp_path: Path) -> None:
    first = ensure_dotenv(tmp_path / ".env", {})
    assert ensure_dotenv(tmp_path / ".env", {}) == first


def test_two_installations_have_different_secrets(tmp_path: Path) -> None:
    assert ensure_dotenv(tmp_path / "a", {}) != ensure_dotenv(tmp_path / "b", {})


def test_a_file_without_a_secret_gets_one_and_keeps_its_settings(tmp_path: Path) -> None:
    path = tmp_path / ".env"
    path.write_text("VOICE_TTS_CHAIN=kokoro")
    path.chmod(0o644)
    settings = ensure_dotenv(path, {})
    assert settings["VOICE_TTS_CHAIN"] == "kokoro"
    assert settings["JWT_SECRET"]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_no_secret_is_made_where_the_environment_brings_a_key(tmp_path: Path) -> None:
    assert ensure_dotenv(tmp_path / ".env", {"JWT_JWKS_URL": "https://id.example/keys"}) == {}
    assert not (tmp_path / ".env").exists()


def test_the_environment_comes_before_the_file(tmp_path: Path) -> None:
    path = tmp_path / ".env"
    path.write_text("LOG_LEVEL=INFO\nVOICE_TTS_CHAIN=kokoro\n")
    assert settings_of(path, {"LOG_LEVEL": "DEBUG"}) == {"LOG_LEVEL": "DEBUG", "VOICE_TTS_CHAIN": "kokoro"}


def test_a_value_with_a_dollar_sign_is_taken_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / ".env"
    path.write_text("PASSWORD=a$HOME${HOME}\n")
    assert settings_of(path, {})["PASSWORD"] == "a$HOME${HOME}"


def test_the_state_is_read_back_as_it_was_written(tmp_path: Path) -> None:
    file = StateFile(tmp_path / "state.json")
    file.write(RUNNING)
    assert file.read() == RUNNING


def test_a_state_file_that_is_missing_broken_or_of_another_version_counts_as_none(tmp_path: Path) -> None:
    file = StateFile(tmp_path / "state.json")
    assert file.read() is None
    for text in ("", "{", "[]", '{"phase": "dancing"}', '{"unknown": 1}'):
        file.path.write_text(text)
        assert file.read() is None


def test_a_pid_that_was_given_to_another_process_is_not_taken_for_ours() -> None:
    this = ProcessId.of_this_process()
    assert this.alive()
    assert not replace(this, started_at=this.started_at - 60).alive()


def test_only_processes_that_still_run_are_survivors() -> None:
    alive = ProcessState("alive", id=ProcessId.of_this_process())
    gone = ProcessState("gone", id=ProcessId(4_100_000, 1.0))
    never = ProcessState("never")
    assert replace(RUNNING, processes=(alive, gone, never)).survivors() == (alive,)


def test_the_last_lines_of_a_log_are_given_even_when_it_is_no_text(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    path.write_bytes(b"one\n\xff\xfe\nthree\n")
    assert last_lines(path, 2) == ["\ufffd\ufffd", "three"]
    assert last_lines(tmp_path / "none.log", 2) == []


def test_a_large_log_is_put_aside_while_its_writer_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    with path.open("ab", buffering=0) as writer:
        writer.write(b"x" * 100)
        rotate_if_large(path, max_bytes=99)
        writer.write(b"after")
    assert path.read_bytes() == b"after"
    assert (tmp_path / "a.log.1").read_bytes() == b"x" * 100
    rotate_if_large(path, max_bytes=99)
    assert path.read_bytes() == b"after"
