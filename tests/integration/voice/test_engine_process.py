"""What a caller sees of a worker that loads slowly, hangs, dies or talks nonsense. Real processes."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from services.voice.engine_process import EngineProcess, engine_command
from services.voice.engines import EngineFailed

WAIT_SECONDS = 30.0
"""Only ever reached when a test fails."""
SPEAKER = """
import os, time

class Speaker:
    def about(self):
        print("a library that talks to standard output")
        return {"rate": 8000, "environment": sorted(os.environ)}

    def speak(self, request, payload):
        time.sleep(request.get("seconds", 0))
        if "refuse" in request:
            raise ValueError(request["refuse"])
        if "exit" in request:
            os._exit(3)
        if "shout" in request:
            os.write(3, b"x" * 100)  # the descriptor of the replies
            time.sleep(60)
        return {"pid": os.getpid()}, request["text"].encode() * request.get("times", 1) + payload

def build(options):
    time.sleep(options.get("loading_seconds", 0))
    if "cannot" in options:
        raise RuntimeError(options["cannot"])
    return Speaker()
"""
Start = Callable[..., EngineProcess]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    script = tmp_path / "speaker.py"
    script.write_text(SPEAKER)
    started: list[EngineProcess] = []

    def build(start_seconds: float = WAIT_SECONDS, **options: object) -> EngineProcess:
        command = engine_command(sys.executable, script, options)
        started.append(EngineProcess(command, start_seconds=start_seconds))
        return started[-1]

    yield build
    for worker in started:
        worker.close()


def ask(worker: EngineProcess, **request: object) -> bytes:
    return worker.ask({"text": "hello", **request}, threading.Event())[1]


def failure(
    worker: EngineProcess, request: dict[str, object], cancelled: threading.Event | None = None
) -> EngineFailed:
    with pytest.raises(EngineFailed) as raised:
        worker.ask({"text": "hello", **request}, cancelled or threading.Event())
    return raised.value


def set_after(seconds: float) -> threading.Event:
    cancelled = threading.Event()
    threading.Timer(seconds, cancelled.set).start()
    return cancelled


def test_it_answers_one_request_after_the_other_out_of_one_process(start: Start) -> None:
    worker = start()
    assert worker.start()["rate"] == 8000
    assert (ask(worker), ask(worker, text="bye")) == (b"hello", b"bye")
    header, _ = worker.ask({"text": "a"}, threading.Event())
    assert header["pid"] == worker.pid


def test_a_payload_larger_than_a_pipe_arrives_whole(start: Start) -> None:
    assert len(ask(start(), times=1_000_000)) == 5_000_000


def test_a_payload_of_the_request_arrives_whole_and_leaves_the_next_request_readable(start: Start) -> None:
    worker = start()
    samples = os.urandom(1 << 20)
    _, answer = worker.ask({"text": ""}, threading.Event(), samples)
    assert answer == samples
    assert ask(worker) == b"hello"


def test_a_caller_can_leave_a_worker_that_does_not_read(start: Start) -> None:
    worker = start()
    with ThreadPoolExecutor(1) as pool:
        os.kill(started_pid(worker), signal.SIGSTOP)
        call = pool.submit(worker.ask, {"text": ""}, set_after(0.2), os.urandom(1 << 20))
        with pytest.raises(EngineFailed) as raised:
            call.result(timeout=WAIT_SECONDS)
    assert raised.value.reason == "cancelled"


def started_pid(worker: EngineProcess) -> int:
    ask(worker)
    assert worker.pid is not None
    return worker.pid


def test_a_model_that_cannot_be_loaded_says_why(start: Start) -> None:
    worker = start(cannot="the checkpoint is torn")
    with pytest.raises(EngineFailed, match="the checkpoint is torn") as raised:
        worker.start()
    assert raised.value.reason == "load_failed"
    assert worker.pid is None


def test_loading_has_its_limit(start: Start) -> None:
    worker = start(start_seconds=0.3, loading_seconds=60)
    with pytest.raises(EngineFailed, match="not ready after") as raised:
        worker.start()
    assert raised.value.reason == "load_failed"
    assert worker.pid is None


def test_a_caller_who_does_not_wait_for_the_loading_leaves_it_to_the_next(start: Start) -> None:
    worker = start(loading_seconds=1.5)
    assert failure(worker, {}, set_after(0.2)).reason == "cancelled"
    loading = worker.pid
    assert loading is not None
    assert ask(worker) == b"hello"
    assert worker.pid == loading


def test_a_sentence_that_hangs_is_ended_with_its_worker_when_the_caller_goes(start: Start) -> None:
    worker = start()
    ask(worker)
    hanging, began = worker.pid, time.monotonic()
    assert failure(worker, {"seconds": 60}, set_after(0.2)).reason == "cancelled"
    assert time.monotonic() - began < WAIT_SECONDS
    assert ask(worker) == b"hello"
    assert worker.pid != hanging


def test_a_sentence_that_is_nearly_done_when_the_caller_goes_does_not_cost_the_model(start: Start) -> None:
    worker = start()
    ask(worker)
    first = worker.pid
    worker.ask({"text": "hello", "seconds": 0.4}, set_after(0.2))
    assert ask(worker) == b"hello"
    assert worker.pid == first


def test_a_caller_who_goes_while_another_is_served_need_not_wait(start: Start) -> None:
    worker = start()
    ask(worker)
    with ThreadPoolExecutor(1) as pool:
        served = pool.submit(ask, worker, seconds=1.0)
        assert failure(worker, {}, set_after(0.1)).reason == "cancelled"
        assert not served.done()
        assert served.result(WAIT_SECONDS) == b"hello"


def test_a_sentence_that_cannot_be_spoken_does_not_cost_the_model(start: Start) -> None:
    worker = start()
    refused = failure(worker, {"refuse": "no such voice"})
    assert (refused.reason, refused.detail) == ("error", "ValueError: no such voice")
    first = worker.pid
    assert ask(worker) == b"hello"
    assert worker.pid == first


@pytest.mark.parametrize("fault", [{"exit": True}, {"shout": True}])
def test_a_worker_that_dies_or_talks_nonsense_is_replaced(start: Start, fault: dict[str, object]) -> None:
    worker = start()
    assert failure(worker, fault).reason == "died"
    assert ask(worker) == b"hello"


def test_a_worker_that_was_killed_between_two_sentences_is_replaced(start: Start) -> None:
    worker = start()
    ask(worker)
    killed = worker.pid or 0
    os.kill(killed, signal.SIGKILL)
    deadline = time.monotonic() + WAIT_SECONDS
    while worker.pid == killed and time.monotonic() < deadline:
        time.sleep(0.01)
    assert ask(worker) == b"hello"
    assert worker.pid != killed


def test_closing_ends_a_sentence_under_way(start: Start) -> None:
    worker = start()
    ask(worker)
    with ThreadPoolExecutor(1) as pool:
        call = pool.submit(failure, worker, {"seconds": 60})
        with pytest.raises(TimeoutError):
            call.result(0.2)
        worker.close()
        assert call.result(WAIT_SECONDS).reason == "died"
    assert worker.pid is None


def test_the_worker_is_given_no_secret_of_ours(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JWT_SECRET", "s" * 64)
    environment = start().start()["environment"]
    assert "PATH" in environment
    assert "JWT_SECRET" not in environment


def test_a_worker_in_mid_sentence_ends_with_a_parent_that_was_killed(tmp_path: Path) -> None:
    script = tmp_path / "speaker.py"
    script.write_text(SPEAKER)
    program = f"""
import sys, threading
from services.voice.engine_process import EngineProcess, engine_command
worker = EngineProcess(engine_command(sys.executable, {str(script)!r}, {{}}), start_seconds=30)
worker.start()
print(worker.pid, flush=True)
worker.ask({{"text": "hello", "seconds": 600}}, threading.Event())
"""
    parent = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE)
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    parent.kill()
    parent.wait()
    parent.stdout.close()
    deadline = time.monotonic() + WAIT_SECONDS
    while _runs(child) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not _runs(child)


def _runs(pid: int) -> bool:
    """A zombie that nobody has waited for yet does not."""
    try:
        status = Path(f"/proc/{pid}/status").read_text() if sys.platform == "linux" else ""
        os.kill(pid, 0)
    except (ProcessLookupError, FileNotFoundError):
        return False
    return "State:\tZ" not in status
