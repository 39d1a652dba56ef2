"""Programs of ours as processes of a test's own: started, killed and started again on the same port."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil

from tests.support.http_status import status
from tests.support.scripted_model import MODEL
from tests.support.tokens import SECRET
from tests.support.valkey import free_port

_START_SECONDS = 60.0


class OwnProcess:
    """`command`: what Python is told, for a port. `log`: where it writes to, if anywhere."""

    def __init__(
        self,
        command: Callable[[int], list[str]],
        ready_path: str,
        environment: dict[str, str],
        log: Path | None = None,
    ) -> None:
        self.port = free_port()
        self._command = command(self.port)
        self._ready_path = ready_path
        self._environment = {**os.environ, "PORT": str(self.port), **environment}
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        self.launch()
        self.wait()

    def wait(self) -> None:
        """Until it is ready."""
        until = time.monotonic() + _START_SECONDS
        while not self.ready():
            assert time.monotonic() < until, "it was not ready in time"
            time.sleep(0.02)

    def launch(self) -> None:
        output = subprocess.DEVNULL if self._log is None else self._log.open("ab")
        try:
            self._process = subprocess.Popen(
                [sys.executable, *self._command], env=self._environment, stdout=output, stderr=output
            )
        finally:
            if not isinstance(output, int):
                output.close()

    def ready(self) -> bool:
        assert self._process is not None, "start it first"
        assert self._process.poll() is None, "it ended by itself"
        return status(f"{self.url}{self._ready_path}") == 200

    def inspect(self) -> psutil.Process:
        """Its memory, its connections."""
        assert self._process is not None, "start it first"
        return psutil.Process(self._process.pid)

    def kill(self) -> None:
        """As a power cut would."""
        if self._process is not None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait()


def chat_process(
    redis_url: str, openai_base_url: str, log: Path | None = None, **settings: str
) -> OwnProcess:
    environment = {
        "JWT_SECRET": SECRET,
        "REDIS_URL": redis_url,
        "CHAT_LLM_CHAIN": "openai",
        "OPENAI_BASE_URL": openai_base_url,
        "OPENAI_MODEL": MODEL,
        **settings,
    }
    return OwnProcess(lambda _: ["-m", "services.chat"], "/health/ready", environment, log)


def scripted_model() -> OwnProcess:
    return OwnProcess(lambda port: ["-m", "tests.support.scripted_model", str(port)], "/v1/models", {})
