"""Jobs over HTTP, with workers in the test's own process and a real Valkey."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from pydantic import SecretStr
from redis.asyncio import Redis

from services.voice.engines import Availability
from services.voice.jobs.queue import open_queue
from services.voice.settings import VoiceSettings
from tests.support.audio_files import tone, wav
from tests.support.eventually import eventually, eventually_so
from tests.support.job_worker import job_of, working
from tests.support.serving import serving
from tests.support.tokens import bearer
from tests.support.valkey import ValkeyProcess
from tests.support.voice_app import ScriptedRecogniser, voice_app, voice_settings

JOBS = "/api/v1/voice/stt/jobs"


def speech_file(sentences: int) -> bytes:
    """Two seconds of sound and one of silence, again and again."""
    sentence = np.concatenate([tone(2.0), np.zeros((1, 16_000), dtype=np.float32)], axis=1)
    return wav(np.tile(sentence, (1, sentences)))


@pytest.fixture(name="changes")
def changes_fixture(valkey: ValkeyProcess, tmp_path: Path) -> dict[str, Any]:
    """Settings of a service and its workers that find each other. A piece is two sentences."""
    return {
        "redis_url": SecretStr(valkey.url),
        "voice_jobs_dir": tmp_path / "jobs",
        "voice_jobs_piece_seconds": 6.0,
        "voice_jobs_lease_seconds": 5.0,
        "voice_jobs_engine_pause_seconds": 0.3,
    }


@asynccontextmanager
async def a_service(changes: dict[str, Any]) -> AsyncIterator[httpx.AsyncClient]:
    async with (
        serving(voice_app(jobs=True, **changes).app) as url,
        httpx.AsyncClient(base_url=url, headers=bearer("ann"), timeout=30) as client,
    ):
        yield client


@pytest.fixture(name="client")
async def client_fixture(changes: dict[str, Any]) -> AsyncIterator[httpx.AsyncClient]:
    async with a_service(changes) as client:
        yield client


def whisper(**more: Any) -> ScriptedRecogniser:
    return ScriptedRecogniser("whisper", "whisper-test", **more)


def settings_of(changes: dict[str, Any]) -> VoiceSettings:
    return voice_settings(**changes)


async def submit(client: httpx.AsyncClient, content: bytes | None = None, **fields: str) -> dict[str, Any]:
    upload = {"audio": ("talk.wav", speech_file(4) if content is None else content)}
    reply = await client.post(JOBS, files=upload, data=fields)
    assert reply.status_code == 202, reply.text
    body: dict[str, Any] = reply.json()
    assert reply.headers["Location"] == f"{JOBS}/{body['job_id']}"
    return body


async def until(client: httpx.AsyncClient, job_id: str, *states: str) -> dict[str, Any]:
    async def so() -> bool:
        return (await job_of(client, job_id))["state"] in states

    await eventually_so(so, within_seconds=30)
    return await job_of(client, job_id)


async def test_a_job_is_done_in_pieces_and_its_audio_forgotten(
    client: httpx.AsyncClient, changes: dict[str, Any]
) -> None:
    engine = whisper()
    submitted = await submit(client)
    assert (submitted["state"], submitted["progress"]) == ("queued", 0)
    async with working(settings_of(changes), engine):
        job = await until(client, submitted["job_id"], "done")
    assert job["progress"] == 1
    assert job["duration_seconds"] == 12.0
    assert job["pieces_done"] == job["pieces_total"] == len(engine.heard) == 2
    assert job["result"]["text"] == "hello there world hello there world"
    starts = [segment["start_seconds"] for segment in job["result"]["segments"]]
    assert starts == sorted(starts)
    assert starts[-1] > 5.5
    assert list(changes["voice_jobs_dir"].iterdir()) == []


async def test_the_result_comes_in_every_form(client: httpx.AsyncClient, changes: dict[str, Any]) -> None:
    job_id = (await submit(client, response_format="srt", word_timestamps="true"))["job_id"]
    early = await client.get(f"{JOBS}/{job_id}", params={"response_format": "text"})
    assert (early.status_code, early.json()["type"]) == (409, "/problems/job-not-done")
    async with working(settings_of(changes), whisper()):
        await eventually_so(lambda: _is_done(client, job_id), within_seconds=30)
    asked_for = await client.get(f"{JOBS}/{job_id}")
    assert asked_for.headers["Content-Type"].startswith("application/x-subrip")
    assert asked_for.text.startswith("1\n00:00:00,000 --> ")
    texts = {
        form: (await client.get(f"{JOBS}/{job_id}", params={"response_format": form})).text
        for form in ("text", "vtt", "verbose_json")
    }
    assert texts["text"] == "hello there world hello there world\n"
    assert texts["vtt"].startswith("WEBVTT")
    assert json.loads(texts["verbose_json"])["result"]["segments"][0]["words"]


@pytest.mark.slow
async def test_progress_rises_and_the_stream_ends_with_the_job(
    client: httpx.AsyncClient, changes: dict[str, Any]
) -> None:
    job_id = (await submit(client, speech_file(8)))["job_id"]
    told = asyncio.create_task(_events(client, job_id))
    async with working(settings_of(changes), whisper(hearing=lambda _: time.sleep(0.7))):
        events = await told
    progress = [body["progress"] for _, body in events]
    assert progress == sorted(progress)
    assert len(set(progress)) > 3
    name, last = events[-1]
    assert (name, last["state"], last["progress"]) == ("done", "done", 1)


async def test_a_cancelled_job_is_never_heard(client: httpx.AsyncClient, changes: dict[str, Any]) -> None:
    engine = whisper()
    job_id = (await submit(client))["job_id"]
    assert (await client.delete(f"{JOBS}/{job_id}")).status_code == 204
    assert list(changes["voice_jobs_dir"].iterdir()) == []
    other = (await submit(client))["job_id"]
    async with working(settings_of(changes), engine):
        await until(client, other, "done")
    assert (await job_of(client, job_id))["state"] == "cancelled"
    assert len(engine.heard) == 2


@pytest.mark.slow
async def test_a_running_job_is_cancelled_within_a_piece_and_frees_the_worker(
    client: httpx.AsyncClient, changes: dict[str, Any]
) -> None:
    engine = whisper(hearing=lambda _: time.sleep(1.0))
    job_id = (await submit(client, speech_file(16)))["job_id"]
    async with working(settings_of(changes), engine):
        await eventually(lambda: bool(engine.heard), within_seconds=30)
        assert (await client.delete(f"{JOBS}/{job_id}")).status_code == 204
        other = (await submit(client))["job_id"]
        await until(client, other, "done")
        assert (await job_of(client, job_id))["state"] == "cancelled"
    assert len(engine.heard) < 8


async def test_another_users_job_is_like_one_that_never_was(client: httpx.AsyncClient) -> None:
    job_id = (await submit(client))["job_id"]
    bodies = []
    for known in (job_id, "0" * 24):
        for method, path in (("GET", known), ("GET", f"{known}/events"), ("DELETE", known)):
            reply = await client.request(method, f"{JOBS}/{path}", headers=bearer("bob"))
            assert reply.status_code == 404
            bodies.append({**reply.json(), "instance": "", "request_id": ""})
    assert all(body == bodies[0] for body in bodies)
    assert (await job_of(client, job_id))["state"] == "queued"


async def test_a_user_has_a_quota_and_a_cancelled_job_gives_its_place_back(changes: dict[str, Any]) -> None:
    async with a_service({**changes, "voice_jobs_per_user": 2}) as client:
        first = (await submit(client))["job_id"]
        await submit(client)
        refused = await client.post(JOBS, files={"audio": speech_file(1)})
        assert (refused.status_code, refused.json()["type"]) == (429, "/problems/too-many-requests")
        assert len(list(changes["voice_jobs_dir"].iterdir())) == 2
        as_bob = await client.post(JOBS, files={"audio": speech_file(1)}, headers=bearer("bob"))
        assert as_bob.status_code == 202
        await client.delete(f"{JOBS}/{first}")
        await submit(client)


async def test_a_full_queue_refuses_everybody(changes: dict[str, Any]) -> None:
    async with a_service({**changes, "voice_jobs_open_max": 1}) as client:
        await submit(client)
        refused = await client.post(JOBS, files={"audio": speech_file(1)}, headers=bearer("bob"))
        assert (refused.status_code, refused.json()["type"]) == (503, "/problems/overloaded")


@pytest.mark.slow
async def test_results_expire(client: httpx.AsyncClient, changes: dict[str, Any]) -> None:
    short = {**changes, "voice_jobs_result_hours": 1 / 3600}
    job_id = (await submit(client))["job_id"]
    async with working(settings_of(short), whisper()):

        async def gone() -> bool:
            return (await client.get(f"{JOBS}/{job_id}")).status_code == 404

        await eventually_so(gone, within_seconds=30)


async def test_what_is_no_audio_fails_with_its_problem(
    client: httpx.AsyncClient, changes: dict[str, Any]
) -> None:
    job_id = (await submit(client, b"not audio at all" * 100))["job_id"]
    async with working(settings_of(changes), whisper()):
        job = await until(client, job_id, "failed")
    assert job["problem"]["type"] == "/problems/unsupported-audio"
    assert "result" not in job


@pytest.mark.slow
async def test_a_job_waits_for_an_engine_that_rests(
    client: httpx.AsyncClient, changes: dict[str, Any]
) -> None:
    engine = whisper(missing=Availability(False, "no_model", "Not yet."))
    job_id = (await submit(client))["job_id"]
    async with working(settings_of(changes), engine):
        await until(client, job_id, "running")
        await asyncio.sleep(0.5)
        engine.missing = None
        await until(client, job_id, "done")


@pytest.mark.slow
async def test_a_job_that_no_engine_will_ever_take_fails_in_the_end(
    client: httpx.AsyncClient, changes: dict[str, Any]
) -> None:
    never = whisper(missing=Availability(False, "no_model", "There is none."))
    job_id = (await submit(client))["job_id"]
    async with working(settings_of({**changes, "voice_jobs_attempts_max": 2}), never):
        job = await until(client, job_id, "failed")
    assert job["problem"]["type"] == "/problems/no-engine"
    assert {"engine": "whisper", "outcome": "no_model"} in job["problem"]["attempts"]


@pytest.mark.slow
async def test_a_worker_that_stops_puts_its_job_back_and_another_one_goes_on(
    client: httpx.AsyncClient, changes: dict[str, Any]
) -> None:
    first, second = whisper(hearing=lambda _: time.sleep(0.3)), whisper()
    job_id = (await submit(client, speech_file(12)))["job_id"]
    async with working(settings_of(changes), first):
        await eventually(lambda: len(first.heard) > 3, within_seconds=30)
    assert (await job_of(client, job_id))["state"] == "queued"
    async with working(settings_of(changes), second):
        job = await until(client, job_id, "done")
    assert job["result"]["text"].count("hello") == job["pieces_total"]
    assert len(first.heard) + len(second.heard) <= job["pieces_total"] + 1


@pytest.mark.slow
async def test_a_message_that_was_lost_is_sent_again(
    client: httpx.AsyncClient, changes: dict[str, Any], valkey: ValkeyProcess
) -> None:
    job_id = (await submit(client))["job_id"]
    async with Redis.from_url(valkey.url) as redis:
        await redis.delete("saq:voice-jobs:queued")
    async with working(settings_of(changes), whisper()):
        await until(client, job_id, "done")


@pytest.mark.slow
async def test_jobs_survive_a_killed_redis_in_mid_work(
    client: httpx.AsyncClient, changes: dict[str, Any], valkey: ValkeyProcess
) -> None:
    engine = whisper(hearing=lambda _: time.sleep(0.2))
    jobs = [(await submit(client, speech_file(8)))["job_id"] for _ in range(3)]
    async with working(settings_of(changes), engine):
        await eventually(lambda: len(engine.heard) > 2, within_seconds=30)
        valkey.kill()
        away = await client.get(f"{JOBS}/{jobs[0]}")
        assert (away.status_code, away.json()["type"]) == (503, "/problems/jobs-unavailable")
        valkey.start()

        async def all_done() -> bool:
            found = [await client.get(f"{JOBS}/{job_id}") for job_id in jobs]
            return all(reply.status_code == 200 and reply.json()["state"] == "done" for reply in found)

        await eventually_so(all_done, within_seconds=60)


async def test_a_queue_is_left_without_a_word_where_redis_is_away(valkey: ValkeyProcess) -> None:
    """Else the end of a service would be a traceback, and what it closes after that stay open."""
    valkey.kill()
    await open_queue(valkey.url, timeout_seconds=0.5).disconnect()


async def test_without_redis_jobs_say_so_and_the_rest_works(
    changes: dict[str, Any], valkey: ValkeyProcess
) -> None:
    valkey.kill()
    async with a_service(changes) as client:
        refused = await client.post(JOBS, files={"audio": speech_file(1)})
        assert (refused.status_code, refused.json()["type"]) == (503, "/problems/jobs-unavailable")
        assert list(changes["voice_jobs_dir"].iterdir()) == []
        heard = await client.post("/api/v1/voice/stt/transcribe", files={"audio": speech_file(2)})
        assert heard.json()["text"] == "hello there world"


async def _is_done(client: httpx.AsyncClient, job_id: str) -> bool:
    found = await client.get(f"{JOBS}/{job_id}", params={"response_format": "json"})
    return bool(found.json()["state"] == "done")


async def _events(client: httpx.AsyncClient, job_id: str) -> list[tuple[str, Any]]:
    events, name = [], ""
    async with client.stream("GET", f"{JOBS}/{job_id}/events", timeout=60) as reply:
        async for line in reply.aiter_lines():
            field, _, value = line.partition(": ")
            if field == "event":
                name = value
            elif field == "data":
                events.append((name, json.loads(value)))
    return events
