"""Runs an app under uvicorn, the same way for every service."""

import sys
from typing import Any

import uvicorn
from fastapi import FastAPI

from services.common.draining import DrainingServer
from services.common.settings import ServiceSettings
from services.common.websocket_protocol import WebSocketProtocol

EXIT_STARTUP = 3
MAX_WEBSOCKET_FRAME_BYTES = 65_536
"""uvicorn's own limit is 16 MiB a frame."""


def serve(app: FastAPI, settings: ServiceSettings, *, shutdown_seconds: int, **options: Any) -> None:
    """Until SIGTERM or SIGINT; then it drains, and requests under way have `shutdown_seconds` to end.

    `options` are uvicorn's. Its access log is off since it prints the query string, and with it a token.
    """
    address = {"host": settings.host, "port": settings.port}
    config = uvicorn.Config(app, **{**address, **server_options(shutdown_seconds), **options})
    server = DrainingServer(config, draining=app.state.draining, drain_seconds=settings.drain_seconds)
    server.run()
    if not server.started:
        sys.exit(EXIT_STARTUP)


def server_options(shutdown_seconds: int) -> dict[str, Any]:
    """What uvicorn is told for every service, in tests too."""
    return {
        "log_config": None,
        "access_log": False,
        "server_header": False,
        "ws": WebSocketProtocol,
        "ws_max_size": MAX_WEBSOCKET_FRAME_BYTES,
        "ws_per_message_deflate": False,
        "timeout_graceful_shutdown": shutdown_seconds,
    }
