"""What the stack is doing, as one file: written by the supervisor, read by status, down and up --detach."""

import json
import os
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from typing import Any

import psutil

START_TOLERANCE_SECONDS = 2.0
"""Two readings of one process's start time; a reused pid is further off than that."""


class Phase(StrEnum):
    WAITING = "waiting"
    STARTING = "starting"
    READY = "ready"
    RESTARTING = "restarting"
    STOPPING = "stopping"
    STOPPED = "stopped"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class ProcessId:
    """A pid and when it started, in seconds since the epoch: a reused pid is not taken for it."""

    pid: int
    started_at: float

    @classmethod
    def of(cls, pid: int) -> "ProcessId | None":
        try:
            return cls(pid, psutil.Process(pid).create_time())
        except psutil.Error:
            return None

    @classmethod
    def of_this_process(cls) -> "ProcessId":
        return cls(os.getpid(), psutil.Process().create_time())

    def alive(self) -> bool:
        try:
            process = psutil.Process(self.pid)
            if abs(process.create_time() - self.started_at) > START_TOLERANCE_SECONDS:
                return False
            return bool(process.status() != psutil.STATUS_ZOMBIE)
        except psutil.Error:
            return False


@dataclass(frozen=True, slots=True)
class ProcessState:
    name: str
    port: int | None = None
    ready_url: str | None = None
    phase: Phase = Phase.WAITING
    id: ProcessId | None = None
    since: float | None = None
    """Seconds since the epoch: when the phase began."""
    start_seconds: float | None = None
    """How long it took to become ready."""
    restarts: int = 0
    note: str = ""
    """One sentence on the last thing that went wrong, or is being waited for."""


@dataclass(frozen=True, slots=True)
class Canary:
    """What the voice service said after it had spoken a phrase and heard it back."""

    passing: bool
    detail: str
    seconds: float


@dataclass(frozen=True, slots=True)
class StackState:
    phase: Phase
    url: str
    profile: str
    supervisor: ProcessId | None
    started_at: float
    processes: tuple[ProcessState, ...] = ()
    canary: Canary | None = None
    start_seconds: float | None = None
    note: str = ""
    failed: str = ""
    """The name of the process that did not start."""

    def with_process(self, changed: ProcessState) -> "StackState":
        return replace(
            self,
            processes=tuple(changed if one.name == changed.name else one for one in self.processes),
        )

    def survivors(self) -> tuple[ProcessState, ...]:
        """Those of its processes that still run."""
        return tuple(one for one in self.processes if one.id is not None and one.id.alive())


@dataclass(slots=True)
class StateFile:
    """Replaced as a whole at each change, so that a reader never sees half of one."""

    path: Path
    on_change: Callable[[StackState], None] = field(default=lambda _: None)

    def write(self, state: StackState) -> None:
        draft = self.path.with_suffix(".new")
        draft.write_text(json.dumps(asdict(state), indent=1), encoding="utf-8")
        draft.replace(self.path)
        self.on_change(state)

    def read(self) -> StackState | None:
        """None where there is none, or one that another version wrote."""
        try:
            return _state(json.loads(self.path.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError, KeyError):
            return None

    def remove(self) -> None:
        self.path.unlink(missing_ok=True)


def _state(raw: dict[str, Any]) -> StackState:
    return StackState(
        **{
            **raw,
            "phase": Phase(raw["phase"]),
            "supervisor": _process_id(raw["supervisor"]),
            "canary": Canary(**raw["canary"]) if raw["canary"] else None,
            "processes": tuple(_process(one) for one in raw["processes"]),
        }
    )


def _process(raw: dict[str, Any]) -> ProcessState:
    return ProcessState(**{**raw, "phase": Phase(raw["phase"]), "id": _process_id(raw["id"])})


def _process_id(raw: dict[str, Any] | None) -> ProcessId | None:
    return ProcessId(**raw) if raw else None
