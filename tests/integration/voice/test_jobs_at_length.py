"""Jobs at their real size, by worker processes that are killed while they work."""

import json
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from pydantic import SecretStr

from tests.support.audio_files import tone, wav
from tests.support.eventually import eventually_so
from tests.support.job_worker import job_of
from tests.support.recordings import two_cities
from tests.support.serving import serving
from tests.support.tokens import SECRET, bearer
from tests.support.valkey import ValkeyProcess
from tests.support.voice_app import voice_app
from tests.support.word_errors import english_word_error_rate

pytestmark = pytest.mark.slow
JOBS = "/api/v1/voice/stt/jobs"
TEN_MINUTES = 600.0
StartWorker = Callable[..., "WorkerProcess"]


class WorkerProcess:
    def __init__(self, module: str, environment: dict[str, str], log: Path) -> None:
        self._log = log
        with log.open("wb") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-m", module], env=environment, stdout=output, stderr=subprocess.STDOUT
            )

    def kill(self) -> None:
        """As when its memory ran out: nothing is put back."""
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait(timeout=60)

    def pieces_heard(self) -> int:
        events = [json.loads(line) for line in self._log.read_text().splitlines() if line.startswith("{")]
        return sum(event["event"] == "transcription_done" for event in events)


@pytest.fixture(name="start_worker")
def start_worker_fixture(valkey: ValkeyProcess, tmp_path: Path, models_dir: Path) -> Iterator[StartWorker]:
    started: list[WorkerProcess] = []

    def start(module: str = "services.voice.worker", **settings: str) -> WorkerProcess:
        environment = {
            **os.environ,
            "JWT_SECRET": SECRET,
            "PORT": "0",
            "REDIS_URL": valkey.url,
            "VOICE_JOBS_DIR": str(tmp_path / "jobs"),
            "VOICE_JOBS_LEASE_SECONDS": "6",
            "PARLEY_MODELS_DIR": str(models_dir),
            **settings,
        }
        worker = WorkerProcess(module, environment, tmp_path / f"worker-{len(started)}.log")
        started.append(worker)
        return worker

    yield start
    for worker in started:
        worker.kill()


@pytest.fixture(name="client")
async def client_fixture(valkey: ValkeyProcess, tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    app = voice_app(
        jobs=True,
        redis_url=SecretStr(valkey.url),
        voice_jobs_dir=tmp_path / "jobs",
        voice_jobs_per_user=1_000,
    ).app
    async with (
        serving(app) as url,
        httpx.AsyncClient(base_url=url, headers=bearer("ann"), timeout=60) as client,
    ):
        yield client


async def submit(client: httpx.AsyncClient, content: bytes) -> str:
    reply = await client.post(JOBS, files={"audio": ("talk.wav", content)})
    assert reply.status_code == 202, reply.text
    return str(reply.json()["job_id"])


@contextmanager
def never_falling(job_id: str) -> Iterator[Callable[[dict[str, Any]], float]]:
    """Takes each look at the job; its progress must not go back, whoever has the job."""
    seen = [0.0]

    def look(job: dict[str, Any]) -> float:
        assert job["progress"] >= seen[-1], f"{job_id} went back: {seen}"
        seen.append(float(job["progress"]))
        return seen[-1]

    yield look
    assert len(set(seen)) > 5, f"it did not rise steadily: {sorted(set(seen))}"


@pytest.mark.models("whisper-tiny.en")
async def test_ten_minutes_survive_a_worker_that_is_killed_half_way(
    client: httpx.AsyncClient, start_worker: StartWorker
) -> None:
    recording = two_cities()
    spoken = np.concatenate([recording.samples(), np.zeros(16_000, dtype=np.float32)])
    times = int(TEN_MINUTES / (len(spoken) / 16_000)) + 1
    job_id = await submit(client, wav(np.tile(spoken, times)[np.newaxis]))
    first = start_worker(VOICE_WHISPER_MODEL="whisper-tiny.en")
    with never_falling(job_id) as look:

        async def half_way() -> bool:
            return look(await job_of(client, job_id)) >= 0.5

        await eventually_so(half_way, within_seconds=600)
        first.kill()
        second = start_worker(VOICE_WHISPER_MODEL="whisper-tiny.en")

        async def done() -> bool:
            found = await job_of(client, job_id)
            look(found)
            return bool(found["state"] == "done")

        await eventually_so(done, within_seconds=600)
    job = await job_of(client, job_id)
    assert job["duration_seconds"] >= TEN_MINUTES
    assert first.pieces_heard() + second.pieces_heard() <= job["pieces_total"] + 1
    assert second.pieces_heard() < job["pieces_total"]
    assert english_word_error_rate([f"{recording.text} " * times], [job["result"]["text"]]) < 0.15
    ends = [segment["end_seconds"] for segment in job["result"]["segments"]]
    assert ends == sorted(ends)


async def test_of_two_hundred_jobs_half_cancelled_and_a_worker_killed_none_is_lost_or_doubled(
    client: httpx.AsyncClient, start_worker: StartWorker, tmp_path: Path
) -> None:
    heard = tmp_path / "heard"
    heard.touch()
    scripted = {"module": "tests.support.job_worker", "HEARD": str(heard), "PIECE_SECONDS": "0.02"}
    lengths = [1.0 + 0.01 * number for number in range(200)]
    jobs = [await submit(client, wav(tone(seconds))) for seconds in lengths]
    unlucky = start_worker(**scripted)
    cancelled = set(jobs[1::2])

    for job_id in jobs[1::2]:
        assert (await client.delete(f"{JOBS}/{job_id}")).status_code == 204

    async def under_way() -> bool:
        return len(heard.read_text().splitlines()) > 20

    await eventually_so(under_way, within_seconds=120)
    unlucky.kill()
    start_worker(**scripted)
    start_worker(**scripted)

    async def all_ended() -> bool:
        found = [await job_of(client, job_id) for job_id in jobs[::2]]
        return all(job["state"] == "done" for job in found)

    await eventually_so(all_ended, within_seconds=240)
    states = Counter([(await job_of(client, job_id))["state"] for job_id in cancelled])
    assert set(states) <= {"cancelled", "done"}  # one that was done already stays so
    assert states["cancelled"] > 50
    times = Counter(line.split()[1] for line in heard.read_text().splitlines())
    again = sum(count - 1 for count in times.values())
    assert again <= 1, f"only what the killed worker had in hand is heard again: {times}"
