"""Long audio as a job: hand it in, ask after it, follow it, cancel it."""

from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Request, Response
from fastapi.responses import JSONResponse, PlainTextResponse

from services.common import sse, telemetry
from services.common.auth import Principal, require_scope
from services.common.timestamps import rfc3339
from services.voice.jobs.desk import JobDesk
from services.voice.jobs.records import Job, JobRequest
from services.voice.problems import JobNotDone, JobsUnavailable
from services.voice.routes.speech_form import admitted_upload, parsed
from services.voice.routes.stt import FILE_FIELD, TranscribeForm
from services.voice.transcription.formats import MEDIA_TYPES, ResponseFormat, as_json, as_text

router = APIRouter(prefix="/api/v1/voice/stt/jobs", tags=["jobs"])
Caller = Annotated[Principal, Depends(require_scope("voice:transcribe"))]
JobId = Annotated[str, Path(pattern=r"^[0-9a-f]{24}$")]


@router.post("", status_code=202)
async def submit(request: Request, principal: Caller) -> JSONResponse:
    """The form of `transcribe`. The answer comes once the job is kept; the audio is read later."""
    async with admitted_upload(request, FILE_FIELD) as (upload, _):
        form = parsed(TranscribeForm, upload.fields)
        asked = JobRequest(form.options, form.response_format)
        job = await _desk(request).submit(principal.subject, asked, upload.file)
    location = f"{request.url.path}/{job.job_id}"
    return JSONResponse(job_body(job), status_code=202, headers={"Location": location})


@router.get("/{job_id}")
async def job(
    request: Request, job_id: JobId, principal: Caller, response_format: ResponseFormat | None = None
) -> Response:
    """The job, with its `result` once it is done; in a text format the text alone."""
    found = await _desk(request).store.owned(principal.subject, job_id)
    chosen = response_format or (found.request.response_format if found.result else ResponseFormat.JSON)
    if chosen not in MEDIA_TYPES:
        return JSONResponse(job_body(found, chosen))
    if found.result is None:
        raise JobNotDone(str(found.state))
    return PlainTextResponse(as_text(found.result, chosen), media_type=MEDIA_TYPES[chosen])


@router.get("/{job_id}/events")
async def events(request: Request, job_id: JobId, principal: Caller) -> Response:
    """`progress` whenever something changes, then `done`, `failed` or `cancelled`, without the result."""
    changes = _desk(request).watch(principal.subject, job_id)
    first = await anext(changes)
    return sse.event_stream(_told(first, changes))


@router.delete("/{job_id}", status_code=204)
async def cancel(request: Request, job_id: JobId, principal: Caller) -> Response:
    """A job that has ended stays as it is."""
    await _desk(request).cancel(principal.subject, job_id)
    return Response(status_code=204)


def job_body(job: Job, chosen: ResponseFormat | None = None) -> dict[str, Any]:
    """`chosen`: put the result, if there is one, into it in this form."""
    body: dict[str, Any] = {
        "job_id": job.job_id,
        "state": str(job.state),
        "progress": job.progress,
        "duration_seconds": job.duration_seconds,
        "pieces_done": job.pieces_done,
        "pieces_total": job.pieces_total,
        "created_at": rfc3339(job.created_at),
        "started_at": rfc3339(job.started_at),
        "finished_at": rfc3339(job.finished_at),
    }
    if job.problem is not None:
        body["problem"] = dict(job.problem)
    if job.result is not None and chosen is not None:
        verbose = chosen is ResponseFormat.VERBOSE_JSON
        body["result"] = as_json(job.result, telemetry.current_request_id(), verbose=verbose)
    return body


async def _told(first: Job, changes: AsyncIterator[Job]) -> AsyncIterator[bytes]:
    yield _event(first)
    async for found in sse.with_pauses(changes):
        yield sse.KEEP_ALIVE if found is None else _event(found)


def _event(job: Job) -> bytes:
    return sse.event(str(job.state) if job.state.ended else "progress", job_body(job))


def _desk(request: Request) -> JobDesk:
    desk: JobDesk | None = request.app.state.job_desk
    if desk is None:
        raise JobsUnavailable("This service was started without a queue.")
    return desk
