"""Which part is broken in which way, and which users may notice. The promises of the drill, as a table."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass

from scripts.local_stack.drill import faults
from scripts.local_stack.drill.users import Journey
from scripts.local_stack.plan import CHAT, GATEWAY, LANGUAGE_MODEL, MONITOR, VALKEY, VOICE

AGENT_GREEN = "langgraph-enhanced-service"
CONVERSES, AGENT = "says something", "asks the agent who it is"
_CHAT = "/api/v1/chat-service/api/v1/chat"

JOURNEYS = (
    Journey("opens the console", "GET", "/", frozenset({GATEWAY}), every_seconds=0.5),
    Journey("asks how speech is", "GET", "/api/v1/voice/models/status", frozenset({GATEWAY, VOICE})),
    Journey(
        "has a word spoken",
        "POST",
        "/api/v1/voice/tts/synthesize",
        frozenset({GATEWAY, VOICE}),
        every_seconds=2.0,
        body={"text": "Hello.", "engine": "espeak"},
    ),
    Journey("lists conversations", "GET", f"{_CHAT}/sessions", frozenset({GATEWAY, CHAT, VALKEY})),
    Journey(
        CONVERSES,
        "POST",
        _CHAT,
        frozenset({GATEWAY, CHAT, VALKEY, LANGUAGE_MODEL}),
        every_seconds=2.0,
        body={"message": "Say yes."},
        patience_seconds=120.0,  # a small machine that is busy otherwise takes its time over sixteen tokens
    ),
    Journey(AGENT, "GET", "/api/v1/langgraph/enhanced/version", frozenset({GATEWAY})),
    Journey("looks at the state", "GET", "/api/v1/gateway/status", frozenset({GATEWAY, MONITOR}), 0.5),
)


@dataclass(frozen=True, slots=True)
class Part:
    """A process as the state file has it."""

    name: str
    pid: int
    port: int
    redis_url: str


@dataclass(frozen=True, slots=True)
class Scene:
    """`hold_seconds`: how long it stays broken; what was killed is started again by the supervisor."""

    part: str
    what: str
    fault: Callable[[Part], AbstractAsyncContextManager[None]]
    hold_seconds: float = 4.0

    @property
    def name(self) -> str:
        return f"{self.part} {self.what}"

    def may_notice(self, journey: Journey) -> bool:
        return self.part in journey.leans_on


def _killed(part: str) -> Scene:
    return Scene(part, "killed", lambda it: faults.killed(it.pid), hold_seconds=1.0)


def _frozen(part: str) -> Scene:
    return Scene(part, "frozen", lambda it: faults.frozen(it.pid))


def _slow(part: str) -> Scene:
    return Scene(part, "slow", lambda it: faults.slowed(it.pid))


def _nonsense(part: str) -> Scene:
    return Scene(part, "answers nonsense", lambda it: faults.replaced_by_nonsense(it.pid, it.port))


SCENES = (
    _killed(VALKEY),
    _frozen(VALKEY),
    _slow(VALKEY),
    Scene(VALKEY, "full", lambda it: faults.full(it.redis_url)),
    _killed(LANGUAGE_MODEL),
    _frozen(LANGUAGE_MODEL),
    _slow(LANGUAGE_MODEL),
    _nonsense(LANGUAGE_MODEL),
    _frozen(VOICE),
    _killed(VOICE),
    _killed(CHAT),
    _frozen(CHAT),
    _killed(AGENT_GREEN),
    _frozen(AGENT_GREEN),
    _killed(MONITOR),
    _killed(GATEWAY),
)
