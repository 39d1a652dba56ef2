"""A small service under the real shell, as a process: it can be killed, frozen, broken, run in a colour.

`python -m tests.support.stand_in` is the process; StandIn starts one and is what tests and benchmarks hold.
"""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import httpx
from fastapi import FastAPI, Request, WebSocket, WebSocketDisconnect
from fastapi.responses import StreamingResponse
from pydantic import Field
from redis.asyncio import Redis

from services.common.admission import Admission, Deadline
from services.common.app import create_base_app
from services.common.blue_green import Colour, RoleWatch, SharedRoles
from services.common.health import ROLE_CHECK, Readiness
from services.common.problems import PayloadTooLarge
from services.common.serving import serve
from services.common.settings import ServiceSettings, load_settings
from tests.support.tokens import SECRET
from tests.support.valkey import free_port

ROOT = Path(__file__).resolve().parent.parent.parent
START_SECONDS = 30.0
_BODY_MAX_BYTES = 1 << 20


class StandInSettings(ServiceSettings):
    stand_in_name: str = "stand-in"
    stand_in_colour: Colour | None = None
    stand_in_work_seconds: float = Field(default=0.0, ge=0)
    """How long a POST takes, once it runs."""
    stand_in_running_max: int = Field(default=1_000, ge=1)
    stand_in_waiting_max: int = Field(default=0, ge=0)
    redis_url: str | None = None


def create_app(settings: StandInSettings) -> FastAPI:
    fault: dict[str, str] = {}
    watch = _watch(settings)

    async def readiness() -> Readiness:
        checks = {"self": "ok", **fault} | ({ROLE_CHECK: watch.word} if watch else {})
        return Readiness(all(word == "ok" for word in checks.values()), checks)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        beating = asyncio.create_task(watch.run()) if watch else None
        yield
        if beating:
            beating.cancel()

    app = create_base_app(
        settings, title="Stand-in", service=settings.stand_in_name, readiness=readiness, lifespan=lifespan
    )
    app.state.fault = fault
    _add_talk(app)
    _add_work(app, settings)
    return app


def _watch(settings: StandInSettings) -> RoleWatch | None:
    if settings.stand_in_colour is None or settings.redis_url is None:
        return None
    client = Redis.from_url(
        settings.redis_url, decode_responses=True, socket_timeout=0.5, socket_connect_timeout=0.5
    )
    return RoleWatch(SharedRoles(client), settings.stand_in_colour)


def _add_talk(app: FastAPI) -> None:
    @app.post("/break")
    async def break_down(reason: str) -> dict[str, str]:
        """Not ready from now on, for this reason; none: well again."""
        app.state.fault.clear()
        app.state.fault.update({"inside": reason} if reason else {})
        return {}

    @app.get("/{path:path}/stream")
    async def stream() -> StreamingResponse:
        return StreamingResponse(_numbers(), media_type="text/event-stream")

    @app.websocket("/{path:path}")
    async def echo(socket: WebSocket) -> None:
        await socket.accept()
        with suppress(WebSocketDisconnect):
            while True:
                await socket.send_text(await socket.receive_text())


async def _numbers() -> AsyncIterator[str]:
    for number in range(100_000):
        yield f"data: {number}\n\n"
        await asyncio.sleep(0.05)


def _add_work(app: FastAPI, settings: StandInSettings) -> None:
    whoami = {"service": settings.stand_in_name, "pid": os.getpid()}
    admission = Admission(
        "work", running_max=settings.stand_in_running_max, waiting_max=settings.stand_in_waiting_max
    )

    @app.get("/{path:path}")
    async def read() -> dict[str, object]:
        return whoami

    @app.post("/{path:path}")
    async def work(request: Request) -> dict[str, object]:
        received = await _count_bytes(request)
        async with admission.slot(Deadline.after(30)):
            await asyncio.sleep(settings.stand_in_work_seconds)
        return {**whoami, "body_bytes": received}


async def _count_bytes(request: Request) -> int:
    received = 0
    async for chunk in request.stream():
        received += len(chunk)
        if received > _BODY_MAX_BYTES:
            raise PayloadTooLarge("The body is larger than this stand-in takes.")
    return received


class StandIn:
    """The process. Keeps its port over a restart."""

    def __init__(self, name: str, *, redis_url: str | None = None, **settings: object) -> None:
        self.name = name
        self.port = free_port()
        given = {f"STAND_IN_{key.upper()}": str(value) for key, value in settings.items()}
        self._environment = given | ({"REDIS_URL": redis_url} if redis_url else {})
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def upstream(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        return f"http://{self.upstream}"

    def start(self) -> None:
        self.launch()
        self.wait_until_live()

    def ensure_running(self) -> None:
        if self._process is None or self._process.poll() is not None:
            self.launch()
        self.wait_until_live()

    def launch(self) -> None:
        environment = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(ROOT),
            "PORT": str(self.port),
            "JWT_SECRET": SECRET,
            "LOG_LEVEL": "WARNING",
            "STAND_IN_NAME": self.name,
            **self._environment,
        }
        command = [sys.executable, "-P", "-m", "tests.support.stand_in"]
        self._process = subprocess.Popen(
            command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )

    def wait_until_live(self) -> None:
        until = time.monotonic() + START_SECONDS
        while time.monotonic() < until:
            with suppress(httpx.TransportError):
                if httpx.get(f"{self.url}/health/live", timeout=1, trust_env=False).status_code == 200:
                    return
            time.sleep(0.02)
        raise RuntimeError(f"{self.name} did not start")

    def break_down(self, reason: str = "broken for this test") -> None:
        httpx.post(f"{self.url}/break", params={"reason": reason}, timeout=5, trust_env=False)

    def mend(self) -> None:
        self.break_down("")

    def kill(self) -> None:
        self._signal(signal.SIGKILL)
        self._running.wait()

    def freeze(self) -> None:
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._signal(signal.SIGCONT)

    def stop(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self.kill()

    def _signal(self, number: signal.Signals) -> None:
        self._running.send_signal(number)

    @property
    def _running(self) -> subprocess.Popen[bytes]:
        assert self._process is not None, "start it first"
        return self._process


if __name__ == "__main__":
    chosen = load_settings(StandInSettings)
    serve(create_app(chosen), chosen, shutdown_seconds=5)
