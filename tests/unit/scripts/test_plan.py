"""What each process is started with."""

import socket
from pathlib import Path

import pytest

from gateway.routing_file import load_routing
from gateway.schema import upstreams_variable
from scripts.local_stack import ports
from scripts.local_stack.folders import Folders
from scripts.local_stack.plan import GATEWAY, MONITOR, Plan, make_plan, process_specs
from scripts.local_stack.processes import ProcessSpec

SETTINGS = {"JWT_SECRET": "hush", "PATH": "/bin", "HOME": "/home/ann", "OPENAI_API_KEY": "hush"}


def plan(folder: Path, **settings: str) -> Plan:
    return make_plan(8080, "small", Folders(folder), {**SETTINGS, **settings})


def specs(folder: Path, **settings: str) -> dict[str, ProcessSpec]:
    return {spec.name: spec for spec in process_specs(plan(folder, **settings))}


def test_the_gateway_is_told_where_every_service_of_the_routing_file_is(tmp_path: Path) -> None:
    found = specs(tmp_path)
    for name, service in load_routing().services.items():
        there = " ".join(f"127.0.0.1:{found[host].port}" for host in service.hosts if host in found)
        for process in (GATEWAY, MONITOR):
            assert found[process].environment.get(upstreams_variable(name), "") == there


def test_the_monitor_starts_after_all_that_it_watches(tmp_path: Path) -> None:
    found = specs(tmp_path)
    assert set(found[MONITOR].after) >= set(found[GATEWAY].after) - {MONITOR}


def test_no_secret_reaches_the_gateway(tmp_path: Path) -> None:
    assert "hush" not in specs(tmp_path)[GATEWAY].environment.values()


def test_services_listen_on_this_machine_alone_and_get_the_settings(tmp_path: Path) -> None:
    voice = specs(tmp_path, HOST="0.0.0.0", PORT="80")["voice-interaction-service"]
    assert voice.environment["HOST"] == "127.0.0.1"
    assert voice.environment["PORT"] == str(voice.port)
    assert voice.environment["JWT_SECRET"] == "hush"


def test_valkey_keeps_an_append_only_file_below_the_folder_of_the_stack(tmp_path: Path) -> None:
    valkey = specs(tmp_path)["valkey"]
    command = " ".join(valkey.command)
    assert f"--dir {tmp_path}/.parley/valkey --appendonly yes --appendfsync always" in command
    assert "--maxmemory-policy noeviction" in command
    assert f"--bind 127.0.0.1 --port {valkey.port}" in command
    assert "hush" not in valkey.environment.values()


def with_a_model(folder: Path) -> Path:
    model = folder / ".parley" / "models" / "smollm2-135m-instruct" / "model.gguf"
    model.parent.mkdir(parents=True, exist_ok=True)
    model.touch()
    return folder


def test_ollama_is_asked_where_the_user_has_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as ollama, socket.create_server(("127.0.0.1", 0)) as gone:
        free = gone.getsockname()[1]
        gone.close()
        for port, settings, chain in (
            (free, {}, "openai"),
            (free, {"OLLAMA_HOST": "big-box:11434"}, None),
            (free, {"CHAT_LLM_CHAIN": "ollama"}, "ollama"),
            (ollama.getsockname()[1], {}, None),
        ):
            monkeypatch.setattr("scripts.local_stack.plan.OLLAMA_PORT", port)
            chat = specs(with_a_model(tmp_path), **settings)["chat-service"]
            assert chat.environment.get("CHAT_LLM_CHAIN") == chain


def test_services_use_the_valkey_of_the_stack_unless_the_user_names_another(tmp_path: Path) -> None:
    found = specs(tmp_path)
    own = found["voice-interaction-service"].environment["REDIS_URL"]
    assert own == f"redis://127.0.0.1:{found['valkey'].port}/0"
    other = specs(tmp_path, REDIS_URL="redis://elsewhere/0")["voice-interaction-service"]
    assert other.environment["REDIS_URL"] == "redis://elsewhere/0"


def test_chat_finds_the_voice_service_whatever_port_it_got(tmp_path: Path) -> None:
    found = specs(tmp_path)
    address = f"http://127.0.0.1:{found['voice-interaction-service'].port}"
    assert found["chat-service"].environment["VOICE_URL"] == address


def test_chat_asks_the_embedded_model_where_there_is_one(tmp_path: Path) -> None:
    model = tmp_path / ".parley" / "models" / "smollm2-135m-instruct" / "model.gguf"
    assert "language-model-server" not in specs(tmp_path)
    model.parent.mkdir(parents=True)
    model.touch()
    found = specs(tmp_path)
    chat, server = found["chat-service"].environment, found["language-model-server"]
    assert chat["OPENAI_BASE_URL"] == f"http://127.0.0.1:{server.port}/v1"
    assert chat["OPENAI_MODEL"] == "smollm2-135m-instruct"
    assert "JWT_SECRET" not in server.environment


def test_no_model_server_is_started_for_who_has_one(tmp_path: Path) -> None:
    (tmp_path / "own.gguf").touch()
    own = {"LLM_MODEL": str(tmp_path / "own.gguf")}
    assert specs(tmp_path, **own)["chat-service"].environment["OPENAI_MODEL"] == "own"
    found = specs(tmp_path, **own, OPENAI_BASE_URL="http://elsewhere/v1")
    assert "language-model-server" not in found
    assert found["chat-service"].environment["OPENAI_BASE_URL"] == "http://elsewhere/v1"
    assert "OPENAI_MODEL" not in found["chat-service"].environment


def test_pages_of_this_gateway_may_open_websockets(tmp_path: Path) -> None:
    origins = specs(tmp_path)["chat-service"].environment["ALLOWED_ORIGINS"].split(",")
    assert origins == ["http://localhost:8080", "http://127.0.0.1:8080", "http://[::1]:8080"]


def test_the_gateway_starts_last_and_so_stops_first(tmp_path: Path) -> None:
    ordered = process_specs(plan(tmp_path))
    assert ordered[-1].name == GATEWAY
    upstreams = {host for service in load_routing().services.values() for host in service.hosts}
    assert set(ordered[-1].after) == upstreams & {spec.name for spec in ordered}


def test_a_profile_gives_way_to_what_the_user_has_set(tmp_path: Path) -> None:
    chosen = make_plan(8080, "tiny", Folders(tmp_path), {"VOICE_WHISPER_MODEL": "whisper-large"})
    assert chosen.settings["VOICE_WHISPER_MODEL"] == "whisper-large"
    assert make_plan(8080, "tiny", Folders(tmp_path), {}).settings["VOICE_WHISPER_MODEL"] == "whisper-tiny.en"


def test_models_are_where_the_user_says_or_else_below_the_folder_of_the_stack(tmp_path: Path) -> None:
    assert plan(tmp_path).models_dir == tmp_path / ".parley" / "models"
    assert plan(tmp_path, PARLEY_MODELS_DIR="/models").models_dir == Path("/models")


def test_an_inner_port_gives_way_when_somebody_else_has_it() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        taken = other.getsockname()[1]
        assert not ports.is_free(taken)
        assert ports.choose(taken) != taken
    assert ports.choose(taken) == taken
    assert ports.choose(taken, taken=[taken]) != taken


def test_a_port_that_is_reserved_is_the_gateways_and_no_other_starts() -> None:
    """Caddy asks for its port with SO_REUSEPORT, and would share it with another suite's Caddy."""
    port = ports.choose(0, taken=[0])
    with ports.reserved(port), socket.socket() as gateway:
        assert not ports.is_free(port)
        with pytest.raises(ports.PortTaken), ports.reserved(port):
            pytest.fail("two starts had the same port")
        for option in (socket.SO_REUSEADDR, socket.SO_REUSEPORT):
            gateway.setsockopt(socket.SOL_SOCKET, option, 1)
        gateway.bind(("127.0.0.1", port))
        gateway.listen()
        with socket.create_connection(("127.0.0.1", port)):
            gateway.accept()[0].close()
    assert ports.is_free(port)


def test_the_agent_runs_in_both_colours_and_neither_needs_to_serve_to_count_as_up(tmp_path: Path) -> None:
    found = specs(tmp_path)
    blue, green = found["learning-service"], found["langgraph-enhanced-service"]
    assert (blue.environment["COLOUR"], green.environment["COLOUR"]) == ("blue", "green")
    for agent in (blue, green):
        assert agent.ready_url == f"http://127.0.0.1:{agent.port}/health"
        assert agent.after == ("valkey",)


def test_a_worker_finds_the_audio_that_the_voice_service_took_in(tmp_path: Path) -> None:
    found = specs(tmp_path)
    folder = str(tmp_path / ".parley" / "jobs")
    for name in ("voice-interaction-service", "voice-worker"):
        assert found[name].environment["VOICE_JOBS_DIR"] == folder
