"""Which part is broken in which way, and which users may notice. The promises of the drill, as a table."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path

from scripts.local_stack.drill import faults
from scripts.local_stack.drill.small_disk import is_small
from scripts.local_stack.drill.users import Journey
from scripts.local_stack.plan import CHAT, GATEWAY, GREEN_AGENT, LANGUAGE_MODEL, MONITOR, VALKEY, VOICE

CONVERSES = "says something"
_CHAT, _AGENT = "/api/v1/chat-service/api/v1/chat", "/api/v1/langgraph/enhanced"

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
    Journey("asks the agent who it is", "GET", f"{_AGENT}/version", frozenset({GATEWAY, VALKEY})),
    Journey(
        "gives the agent a task",
        "POST",
        f"{_AGENT}/chat",
        frozenset({GATEWAY, VALKEY, LANGUAGE_MODEL, GREEN_AGENT}),
        every_seconds=3.0,
        body={"message": "Say yes."},
        patience_seconds=120.0,
    ),
    Journey("looks at the state", "GET", "/api/v1/gateway/status", frozenset({GATEWAY, MONITOR}), 0.5),
)


@dataclass(frozen=True, slots=True)
class Part:
    """A process as the state file has it."""

    name: str
    pid: int
    port: int
    redis_url: str
    folder: Path
    """Of the store's files."""


@dataclass(frozen=True, slots=True)
class Scene:
    """`hold_seconds`: how long it stays broken; what was killed is started again by the supervisor."""

    part: str
    what: str
    fault: Callable[[Part], AbstractAsyncContextManager[None]]
    hold_seconds: float = 4.0
    hindrance: Callable[[Part], str] = lambda _: ""
    """Why it cannot be played here, if it cannot."""

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
    Scene(VALKEY, "has no memory left", lambda it: faults.memory_full(it.redis_url)),
    Scene(
        VALKEY,
        "has a full disk",
        lambda it: faults.disk_full(it.folder),
        hold_seconds=8.0,  # its log has up to a page that is its own already
        hindrance=lambda it: "" if is_small(it.folder) else "its folder is no small file system; see --start",
    ),
    _killed(LANGUAGE_MODEL),
    _frozen(LANGUAGE_MODEL),
    _slow(LANGUAGE_MODEL),
    _nonsense(LANGUAGE_MODEL),
    _frozen(VOICE),
    _killed(VOICE),
    _killed(CHAT),
    _frozen(CHAT),
    _killed(GREEN_AGENT),
    _frozen(GREEN_AGENT),
    _killed(MONITOR),
    _killed(GATEWAY),
)
