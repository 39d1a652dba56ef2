"""What is kept of a job."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from services.voice.transcription.formats import ResponseFormat
from services.voice.transcription.service import Transcription, TranscriptionOptions


class JobState(StrEnum):
    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def ended(self) -> bool:
        return self not in {JobState.QUEUED, JobState.RUNNING}


@dataclass(frozen=True, slots=True)
class JobRequest:
    """What a client asked for. `response_format`: of the result, unless it is fetched in another one."""

    options: TranscriptionOptions
    response_format: ResponseFormat = ResponseFormat.JSON


@dataclass(frozen=True, slots=True)
class Job:
    """Times are seconds since the epoch; `progress` is 0 to 1 and never falls.

    `problem`: why it failed, as RFC 9457 has it, without what belongs to one request.
    """

    job_id: str
    owner: str
    state: JobState
    request: JobRequest
    created_at: float
    started_at: float | None = None
    finished_at: float | None = None
    progress: float = 0.0
    duration_seconds: float | None = None
    pieces_total: int | None = None
    pieces_done: int = 0
    problem: Mapping[str, object] | None = None
    result: Transcription | None = None


class Claim(StrEnum):
    """What a worker learns when it asks for a job."""

    MINE = "mine"
    HELD = "held"
    ENDED = "ended"
    POISON = "poison"
    """It is the worker's, but too many before it have died on the same piece."""


@dataclass(frozen=True, slots=True)
class JobLimits:
    per_user: int
    open_max: int
    result_seconds: float
    lease_seconds: float
    attempts_max: int
