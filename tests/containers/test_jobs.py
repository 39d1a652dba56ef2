"""Long audio in containers: a voice service takes it in, a worker of its own transcribes it."""

import os
import signal
import time

from tests.support.compose import ComposeProject
from tests.support.container_jobs import JOBS, submitted, until
from tests.support.recordings import TWO_CITIES
from tests.support.word_errors import english_word_error_rate

_TIMES = 4


def test_a_job_outlives_the_worker_that_is_killed_over_it(suite: ComposeProject, figures: list[str]) -> None:
    with suite.client() as ann:
        started, job_id = time.monotonic(), submitted(ann, _TIMES)
        until(ann, job_id, lambda job: job["pieces_done"] >= 1)
        os.kill(suite.inspect("voice-worker")["State"]["Pid"], signal.SIGKILL)
        job = until(ann, job_id, lambda job: job["state"] == "done")
        seconds = time.monotonic() - started
        subtitles = ann.get(f"{JOBS}/{job_id}", params={"response_format": "srt"}).text
    figures.append(
        f"a job of {job['duration_seconds']:.0f} s in {job['pieces_total']} pieces, its worker killed after "
        f"the first: done {seconds:.0f} s after it was handed in"
    )
    assert english_word_error_rate([f"{TWO_CITIES} " * _TIMES], [job["result"]["text"]]) < 0.15
    assert subtitles.startswith("1\n00:00:0")


def test_a_job_waits_for_a_worker_and_ends_without_one_when_it_is_cancelled(suite: ComposeProject) -> None:
    suite.compose("stop", "voice-worker")
    try:
        with suite.client() as ann:
            waiting, unwanted = submitted(ann), submitted(ann)
            assert ann.delete(f"{JOBS}/{unwanted}").status_code == 204
            suite.compose("up", "--detach", "--wait", "voice-worker")
            assert until(ann, waiting, lambda job: job["state"] == "done")["result"]["text"]
            assert ann.get(f"{JOBS}/{unwanted}").json()["state"] == "cancelled"
    finally:
        suite.compose("up", "--detach", "--wait", "voice-worker")
