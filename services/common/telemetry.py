"""Structured logs and the request id. A log line is a constant event name plus fields, as JSON.

Never in a log: a token, a prompt, a transcript, audio, a query string.
"""

import logging
import re
import secrets
import sys
from collections.abc import MutableMapping
from contextvars import ContextVar
from typing import Any, cast

import structlog

_request_id: ContextVar[str] = ContextVar("request_id", default="-")

_SANE_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{8,128}")


def get_logger() -> structlog.stdlib.BoundLogger:
    return cast("structlog.stdlib.BoundLogger", structlog.get_logger())


def current_request_id() -> str:
    """The id of the request being served; "-" outside of one."""
    return _request_id.get()


def bind_request_id(offered: str | None) -> str:
    """Takes the offered id if it is a sane token of 8 to 128 characters, else makes one."""
    sane = offered is not None and _SANE_REQUEST_ID.fullmatch(offered) is not None
    request_id = offered if sane and offered else secrets.token_hex(16)
    _request_id.set(request_id)
    return request_id


def configure_logging(service: str, level: str = "INFO") -> None:
    """One JSON object a line on standard output; the standard library's loggers take the same way."""
    shared: list[structlog.types.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _add_request_id,
        structlog.processors.format_exc_info,
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(_formatter(shared, service))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    _quiet_libraries()


def _formatter(shared: list[structlog.types.Processor], service: str) -> structlog.stdlib.ProcessorFormatter:
    def add_service(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        return {"service": service, **event}

    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            add_service,
            structlog.processors.JSONRenderer(),
        ],
    )


def _add_request_id(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    request_id = current_request_id()
    if request_id != "-":
        event["request_id"] = request_id
    return event


def _quiet_libraries() -> None:
    """They print headers, or addresses with the query and so a token; uvicorn does at each WebSocket.

    saq writes a sentence of its own for each message.
    """
    logging.getLogger("uvicorn.access").setLevel(logging.CRITICAL)
    for name in ("uvicorn.error", "httpx", "httpx2", "httpcore", "httpcore2", "websockets", "saq"):
        logging.getLogger(name).setLevel(logging.WARNING)
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access"):
        logging.getLogger(name).handlers.clear()
        logging.getLogger(name).propagate = True
