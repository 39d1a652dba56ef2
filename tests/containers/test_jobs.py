"""Long audio in containers: a voice service takes it in, a worker of its own transcribes it."""

import os
import signal
import time
from collections.abc import Callable
from typing import Any

import httpx
import numpy as np

from tests.support.audio_files import wav
from tests.support.compose import ComposeProject
from tests.support.recordings import two_cities
from tests.support.word_errors import english_word_error_rate

JOBS = "/api/v1/voice/stt/jobs"
_TIMES = 4
_PATIENCE_SECONDS = 300


def test_a_job_outlives_the_worker_that_is_killed_over_it(suite: ComposeProject, figures: list[str]) -> None:
    recording = two_cities()
    spoken = np.concatenate([recording.samples(), np.zeros(16_000, dtype=np.float32)])
    with suite.client() as ann:
        reply = ann.post(JOBS, files={"audio": ("talk.wav", wav(np.tile(spoken, _TIMES)[np.newaxis]))})
        assert reply.status_code == 202, reply.text
        started, job_id = time.monotonic(), reply.json()["job_id"]

        _until(ann, job_id, lambda job: job["pieces_done"] >= 1)
        os.kill(suite.inspect("voice-worker")["State"]["Pid"], signal.SIGKILL)
        job = _until(ann, job_id, lambda job: job["state"] == "done")

        subtitles = ann.get(f"{JOBS}/{job_id}", params={"response_format": "srt"}).text
    figures.append(
        f"a job of {job['duration_seconds']:.0f} s in {job['pieces_total']} pieces, its worker killed after "
        f"the first: done {time.monotonic() - started:.0f} s after it was handed in"
    )
    assert english_word_error_rate([f"{recording.text} " * _TIMES], [job["result"]["text"]]) < 0.15
    assert subtitles.startswith("1\n00:00:0")


def test_a_job_waits_for_a_worker_and_ends_without_one_when_it_is_cancelled(suite: ComposeProject) -> None:
    suite.compose("stop", "voice-worker")
    try:
        with suite.client() as ann:
            waiting, unwanted = (_submit(ann) for _ in range(2))
            assert ann.delete(f"{JOBS}/{unwanted}").status_code == 204
            suite.compose("up", "--detach", "--wait", "voice-worker")
            assert _until(ann, waiting, lambda job: job["state"] == "done")["result"]["text"]
            assert ann.get(f"{JOBS}/{unwanted}").json()["state"] == "cancelled"
    finally:
        suite.compose("up", "--detach", "--wait", "voice-worker")


def _submit(client: httpx.Client) -> str:
    reply = client.post(JOBS, files={"audio": ("talk.wav", wav(two_cities().samples()[np.newaxis]))})
    assert reply.status_code == 202, reply.text
    return str(reply.json()["job_id"])


def _until(client: httpx.Client, job_id: str, condition: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    until = time.monotonic() + _PATIENCE_SECONDS
    while True:
        job: dict[str, Any] = client.get(f"{JOBS}/{job_id}").raise_for_status().json()
        assert job["state"] in {"queued", "running", "done"}, job
        if condition(job):
            return job
        assert time.monotonic() < until, job
        time.sleep(0.2)
