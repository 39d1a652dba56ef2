"""Jobs in Redis: an adapter. What is true of a job stands here; the queue only says that there is work.

Every method raises JobsUnavailable when Redis does not answer.
"""

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, cast

from pydantic import TypeAdapter

from services.common.problems import Overloaded, ProblemError, TooManyRequests
from services.common.redis_connection import RedisConnection
from services.voice.jobs import scripts
from services.voice.jobs.records import Claim, Job, JobLimits, JobRequest, JobState
from services.voice.problems import JobNotFound
from services.voice.transcription.service import Transcription

_TRANSCRIPTION = TypeAdapter(Transcription)
_REQUEST = TypeAdapter(JobRequest)


@dataclass(frozen=True, slots=True)
class Holder:
    """A worker's hold on a job, for as long as it renews its lease."""

    job_id: str
    owner: str
    token: str


class JobStore:
    """`connection` has decode_responses on."""

    def __init__(
        self,
        connection: RedisConnection,
        limits: JobLimits,
        clock: Callable[[], float] = time.time,
        prefix: str = "voice:jobs:",
    ) -> None:
        self.limits = limits
        self._connection = connection
        self._client = connection.client
        self._clock = clock
        self._prefix = prefix

    async def create(self, job_id: str, owner: str, request: JobRequest) -> Job:
        """Raises TooManyRequests at the user's quota, Overloaded at everybody's."""
        now = self._clock()
        limits = self.limits
        fields = ("owner", owner, "request", _REQUEST.dump_json(request).decode())
        created = await self._run(
            scripts.CREATE, job_id, owner, job_id, now, limits.per_user, limits.open_max, *fields
        )
        if created == "user":
            raise TooManyRequests(
                f"You have {limits.per_user} jobs that are not done. Wait for one, or cancel one.",
                retry_after_seconds=30,
            )
        if created == "all":
            raise Overloaded("The queue is full. Try again later.", retry_after_seconds=60)
        return Job(job_id, owner, JobState.QUEUED, request, now)

    async def job(self, job_id: str) -> Job:
        """Raises JobNotFound."""
        return _job(job_id, await self._fields(job_id))

    async def owned(self, owner: str, job_id: str) -> Job:
        """Raises JobNotFound, for another user's job too."""
        fields = await self._fields(job_id)
        if fields["owner"] != owner:
            raise JobNotFound
        return _job(job_id, fields)

    async def cancel(self, owner: str, job_id: str) -> None:
        """A job that has ended stays as it is. Raises JobNotFound."""
        await self.owned(owner, job_id)
        await self._run(scripts.CANCEL, job_id, owner, job_id, self._ttl, self._clock())

    async def open_jobs(self) -> list[str]:
        """Queued or running, the oldest first."""
        return cast("list[str]", await self._call(lambda: self._client.zrange(f"{self._prefix}open", 0, -1)))

    async def waiting_jobs(self) -> list[str]:
        """Open, and with no worker that holds them."""
        ids = await self.open_jobs()
        leases = [f"{self._prefix}{job_id}:lease" for job_id in ids]
        held = await self._call(lambda: self._client.mget(leases)) if ids else []
        return [job_id for job_id, holder in zip(ids, held, strict=True) if holder is None]

    async def claim(self, job_id: str, token: str) -> tuple[Claim, Job]:
        """Raises JobNotFound."""
        owner = (await self._fields(job_id))["owner"]
        limits = self.limits
        arguments = (token, int(1000 * limits.lease_seconds), self._clock(), limits.attempts_max)
        claim = Claim(await self._run(scripts.CLAIM, job_id, owner, *arguments))
        return claim, await self.job(job_id)

    async def renew(self, holder: Holder) -> bool:
        """False: cancelled, or another worker has it."""
        return await self._as_holder(scripts.RENEW, holder, int(1000 * self.limits.lease_seconds))

    async def note(self, holder: Holder, **fields: float) -> bool:
        pairs = [part for pair in fields.items() for part in pair]
        return await self._as_holder(scripts.NOTE, holder, *pairs)

    async def pieces(self, job_id: str) -> dict[int, Transcription]:
        """What was heard so far, by the piece's number."""
        found = await self._call(lambda: self._client.hgetall(self._keys(job_id, "")[2]))
        kept = cast("Mapping[str, str]", found)
        return {int(number): _TRANSCRIPTION.validate_json(text) for number, text in kept.items()}

    async def keep_piece(self, holder: Holder, number: int, heard: Transcription, progress: float) -> bool:
        text = _TRANSCRIPTION.dump_json(heard).decode()
        return await self._as_holder(scripts.PIECE, holder, number, text, round(progress, 4))

    async def finish(self, holder: Holder, result: Transcription) -> bool:
        text = _TRANSCRIPTION.dump_json(result).decode()
        return await self._end(holder, JobState.DONE, progress=1, result=text)

    async def fail(self, holder: Holder, problem: ProblemError) -> bool:
        body = problem.body(instance="", request_id="")
        facts = {name: value for name, value in body.items() if name not in {"instance", "request_id"}}
        return await self._end(holder, JobState.FAILED, problem=json.dumps(facts))

    async def give_back(self, holder: Holder) -> bool:
        """Another worker, or this one later, goes on with it."""
        return await self._as_holder(scripts.GIVE_BACK, holder)

    async def aclose(self) -> None:
        await self._connection.aclose()

    async def _end(self, holder: Holder, state: JobState, **fields: object) -> bool:
        given = {"state": str(state), "finished_at": self._clock(), **fields}
        pairs = [str(part) for pair in given.items() for part in pair]
        return await self._as_holder(scripts.END, holder, holder.job_id, self._ttl, *pairs)

    @property
    def _ttl(self) -> int:
        return int(1000 * self.limits.result_seconds)

    async def _fields(self, job_id: str) -> Mapping[str, str]:
        fields = await self._call(lambda: self._client.hgetall(f"{self._prefix}{job_id}"))
        if not fields:
            raise JobNotFound
        return cast("Mapping[str, str]", fields)

    def _keys(self, job_id: str, owner: str) -> tuple[str, ...]:
        job = f"{self._prefix}{job_id}"
        return job, f"{job}:lease", f"{job}:pieces", f"{self._prefix}of:{owner}", f"{self._prefix}open"

    async def _as_holder(self, script: str, holder: Holder, *arguments: object) -> bool:
        return bool(await self._run(script, holder.job_id, holder.owner, holder.token, *arguments))

    async def _run(self, script: str, job_id: str, owner: str, *arguments: object) -> str:
        keys = self._keys(job_id, owner)
        given = [str(argument) for argument in arguments]
        return cast("str", await self._call(lambda: self._client.eval(script, len(keys), *keys, *given)))

    async def _call(self, command: Callable[[], Any]) -> Any:
        return await self._connection.call(command)


def _job(job_id: str, fields: Mapping[str, str]) -> Job:
    problem, result = fields.get("problem"), fields.get("result")
    return Job(
        job_id=job_id,
        owner=fields["owner"],
        state=JobState(fields["state"]),
        request=_REQUEST.validate_json(fields["request"]),
        created_at=float(fields["created_at"]),
        started_at=_number(fields, "started_at"),
        finished_at=_number(fields, "finished_at"),
        progress=float(fields.get("progress", 0)),
        duration_seconds=_number(fields, "duration_seconds"),
        pieces_total=int(fields["pieces_total"]) if "pieces_total" in fields else None,
        pieces_done=int(fields.get("pieces_done", 0)),
        problem=json.loads(problem) if problem else None,
        result=_TRANSCRIPTION.validate_json(result) if result else None,
    )


def _number(fields: Mapping[str, str], name: str) -> float | None:
    return float(fields[name]) if name in fields else None
