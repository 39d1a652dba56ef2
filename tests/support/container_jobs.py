"""A user of the jobs of a suite in containers, through its gateway."""

import time
from collections.abc import Callable
from typing import Any

import httpx
import numpy as np

from tests.support.audio_files import wav
from tests.support.recordings import two_cities

JOBS = "/api/v1/voice/stt/jobs"
_PATIENCE_SECONDS = 300


def submitted(client: httpx.Client, times: int = 1) -> str:
    """The id of a job: three quarters of a minute of speech, so many times over."""
    spoken = np.concatenate([two_cities().samples(), np.zeros(16_000, dtype=np.float32)])
    reply = client.post(JOBS, files={"audio": ("talk.wav", wav(np.tile(spoken, times)[np.newaxis]))})
    assert reply.status_code == 202, reply.text
    return str(reply.json()["job_id"])


def until(client: httpx.Client, job_id: str, condition: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while True:
        job: dict[str, Any] = client.get(f"{JOBS}/{job_id}").raise_for_status().json()
        assert job["state"] in {"queued", "running", "done"}, job
        if condition(job):
            return job
        assert time.monotonic() < deadline, job
        time.sleep(0.2)
