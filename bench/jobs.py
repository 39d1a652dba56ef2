"""How long four jobs take with one worker and with two: `python -m bench.jobs [--minutes 2]`.

A worker with every core leaves a second one nothing to win; so the same is asked of workers with one thread
each. Printed: seconds from handing in to the last result, models loaded before, the ratios, and how many
cores the workers had busy meanwhile.
"""

import argparse
import asyncio
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import numpy as np
import psutil
from pydantic import SecretStr

from services.common.telemetry import configure_logging
from tests.support.audio_files import wav
from tests.support.recordings import two_cities
from tests.support.serving import serving
from tests.support.tokens import SECRET, bearer
from tests.support.valkey import ValkeyProcess, free_port
from tests.support.voice_app import voice_app

ROOT = Path(__file__).resolve().parent.parent
JOBS = "/api/v1/voice/stt/jobs"
COUNT = 4
GOAL = 0.6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=2.0, help="of speech in each of the four jobs")
    parser.add_argument("--model", default="whisper-base")
    parser.add_argument("--repeat", type=int, default=3)
    options = parser.parse_args()
    configure_logging("bench", "WARNING")
    with tempfile.TemporaryDirectory() as folder, _valkey(Path(folder)) as valkey:
        bench = Bench(valkey, Path(folder), options.model, _speech(options.minutes))
        cores = os.cpu_count() or 1
        one = bench.median(1, 1, options.repeat)
        two = bench.median(2, 1, options.repeat)
        wide = bench.median(1, cores, options.repeat)
    _print("one worker of one thread", one, one)
    _print("two workers of one thread", two, one)
    _print(f"one worker of {cores} threads", wide, one)
    ratio = two.seconds / one.seconds
    verdict = "within" if ratio <= GOAL else "NOT within"
    print(f"two against one: {ratio:.2f}, {verdict} {GOAL}; on {cores} cores")


@dataclass(frozen=True, slots=True)
class Run:
    seconds: float
    cores_busy: float
    """Of the workers: seconds of processor time a second."""


class Bench:
    def __init__(self, valkey: ValkeyProcess, folder: Path, model: str, content: bytes) -> None:
        self._valkey = valkey
        self._folder = folder
        self._model = model
        self._content = content

    def median(self, workers: int, threads: int, repeat: int) -> Run:
        runs = [asyncio.run(self._once(workers, threads)) for _ in range(repeat)]
        return Run(
            statistics.median(run.seconds for run in runs), statistics.median(run.cores_busy for run in runs)
        )

    async def _once(self, workers: int, threads: int) -> Run:
        app = voice_app(
            jobs=True, redis_url=SecretStr(self._valkey.url), voice_jobs_dir=self._folder / "jobs"
        ).app
        async with (
            serving(app) as url,
            httpx.AsyncClient(base_url=url, headers=bearer(), timeout=60) as client,
            self._ready(workers, threads) as processes,
        ):
            started, worked = time.perf_counter(), _processor_seconds(processes)
            jobs = [await self._submit(client) for _ in range(COUNT)]
            for job in jobs:
                await _done(client, job)
            seconds = time.perf_counter() - started
            return Run(seconds, (_processor_seconds(processes) - worked) / seconds)

    async def _submit(self, client: httpx.AsyncClient) -> str:
        reply = await client.post(JOBS, files={"audio": self._content})
        reply.raise_for_status()
        return str(reply.json()["job_id"])

    @asynccontextmanager
    async def _ready(self, workers: int, threads: int) -> AsyncIterator[list[subprocess.Popen[bytes]]]:
        """Worker processes with their models loaded."""
        ports = [free_port() for _ in range(workers)]
        processes = [self._start(port, threads) for port in ports]
        try:
            async with httpx.AsyncClient() as client:
                for port in ports:
                    await _answers(client, f"http://127.0.0.1:{port}/health/ready")
            yield processes
        finally:
            for process in processes:
                process.terminate()
            for process in processes:
                process.wait()

    def _start(self, port: int, threads: int) -> subprocess.Popen[bytes]:
        environment = {
            **os.environ,
            "JWT_SECRET": SECRET,
            "PORT": str(port),
            "REDIS_URL": self._valkey.url,
            "VOICE_JOBS_DIR": str(self._folder / "jobs"),
            "VOICE_WHISPER_MODEL": self._model,
            "VOICE_WHISPER_THREADS": str(threads),
            "OMP_NUM_THREADS": str(threads),
        }
        command = [sys.executable, "-m", "services.voice.worker"]
        return subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL)


@contextmanager
def _valkey(folder: Path) -> Iterator[ValkeyProcess]:
    (folder / "valkey").mkdir()
    valkey = ValkeyProcess(folder / "valkey")
    valkey.start()
    try:
        yield valkey
    finally:
        valkey.stop()


def _speech(minutes: float) -> bytes:
    sentence = np.concatenate([two_cities().samples(), np.zeros(16_000, dtype=np.float32)])
    times = max(1, round(minutes * 60 * 16_000 / len(sentence)))
    return wav(np.tile(sentence, times)[np.newaxis])


async def _done(client: httpx.AsyncClient, job_id: str) -> None:
    while (state := (await client.get(f"{JOBS}/{job_id}")).json()["state"]) != "done":
        assert state in {"queued", "running"}, state
        await asyncio.sleep(0.1)


async def _answers(client: httpx.AsyncClient, url: str) -> None:
    for _ in range(1_200):
        try:
            if (await client.get(url)).status_code == 200:
                return
        except httpx.TransportError:
            pass
        await asyncio.sleep(0.1)
    raise TimeoutError(url)


def _processor_seconds(processes: Sequence[subprocess.Popen[bytes]]) -> float:
    times = [psutil.Process(process.pid).cpu_times() for process in processes]
    return sum(time.user + time.system for time in times)


def _print(name: str, run: Run, baseline: Run) -> None:
    relative = run.seconds / baseline.seconds
    print(f"{name:28} {run.seconds:7.1f} s   {relative:.2f}   {run.cores_busy:.2f} cores busy")


if __name__ == "__main__":
    main()
