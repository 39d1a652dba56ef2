"""Runs an app under uvicorn, the same way for every service."""

from typing import Any

import uvicorn
from fastapi import FastAPI

from services.common.settings import ServiceSettings

MAX_WEBSOCKET_FRAME_BYTES = 65_536
"""uvicorn's own limit is 16 MiB a frame."""


def serve(app: FastAPI, settings: ServiceSettings, *, shutdown_seconds: int, **options: Any) -> None:
    """Until SIGTERM or SIGINT; requests under way then have `shutdown_seconds` to end.

    `options` are uvicorn's. Its access log is off since it prints the query string, and with it a token.
    """
    defaults = {
        "host": settings.host,
        "port": settings.port,
        "log_config": None,
        "access_log": False,
        "server_header": False,
        "ws": "websockets-sansio",
        "ws_max_size": MAX_WEBSOCKET_FRAME_BYTES,
        "ws_per_message_deflate": False,
        "timeout_graceful_shutdown": shutdown_seconds,
    }
    uvicorn.run(app, **{**defaults, **options})
