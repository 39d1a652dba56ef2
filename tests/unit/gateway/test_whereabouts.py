"""How the gateway's commands find the services of a local stack."""

from pathlib import Path

from gateway.whereabouts import whereabouts, write_note


def test_the_note_of_a_local_stack_is_read_and_the_environment_overrules_it(tmp_path: Path) -> None:
    note = tmp_path / "whereabouts.env"
    write_note({"REDIS_URL": "redis://127.0.0.1:1/0", "CHAT_SERVICE_UPSTREAMS": "127.0.0.1:2"}, note)
    environment = {"REDIS_URL": "redis://elsewhere/0", "PARLEY_WHEREABOUTS": str(note)}
    assert whereabouts(environment) == {**environment, "CHAT_SERVICE_UPSTREAMS": "127.0.0.1:2"}


def test_without_a_note_there_is_the_environment_alone(tmp_path: Path) -> None:
    environment = {"A": "b", "PARLEY_WHEREABOUTS": str(tmp_path / "none")}
    assert whereabouts(environment) == environment
