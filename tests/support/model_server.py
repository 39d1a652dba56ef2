"""The embedded model server as a process of the tests' own: the real llama.cpp with the real model."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from tests.support.http_status import status
from tests.support.valkey import free_port

MODEL = "smollm2-135m-instruct"
_START_SECONDS = 120.0


class ModelServerProcess:
    """Listens on a free port of 127.0.0.1, which it keeps over a restart. `settings`: its environment."""

    def __init__(self, models_dir: Path, **settings: str) -> None:
        self.port = free_port()
        self._environment = {
            **os.environ,
            "PARLEY_MODELS_DIR": str(models_dir),
            "PORT": str(self.port),
            "LLM_CONTEXT_TOKENS": "2048",
            **settings,
        }
        self.process: subprocess.Popen[str] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def openai_base_url(self) -> str:
        return f"{self.url}/v1"

    def start(self) -> None:
        self.process = self.launch()
        until = time.monotonic() + _START_SECONDS
        while not self._healthy():
            assert self.process.poll() is None, "the model server ended while it was starting"
            assert time.monotonic() < until, "the model server was not ready in time"
            time.sleep(0.05)

    def launch(self) -> "subprocess.Popen[str]":
        """Started, but not waited for; its standard error is a pipe."""
        return subprocess.Popen(
            [sys.executable, "-m", "services.llm"],
            env=self._environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )

    def signal(self, number: signal.Signals) -> None:
        assert self.process is not None, "start it first"
        self.process.send_signal(number)

    def stop(self) -> None:
        process, self.process = self.process, None
        if process is not None:
            process.kill()
            process.communicate()

    def _healthy(self) -> bool:
        return status(f"{self.url}/health") == 200
