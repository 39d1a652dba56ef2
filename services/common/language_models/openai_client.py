"""Speaks HTTP with a server of OpenAI's dialect: JSON asked and answered, and answers that come in events.

Errors are translated here, once. With aiohttp, since what a client in layers does for a request was most of
what a first token waited for on its way: see docs/decisions/0072.
"""

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import aiohttp

from services.common.language_models.provider import (
    CONTEXT_EXCEEDED,
    CUT_OFF,
    ProviderFailed,
    reason_of_status,
)
from services.common.language_models.settings import LanguageModelSettings

_HTTP_ERROR = 400
_EVENT_MAX_BYTES = 1_048_576
_ERROR_MAX_BYTES = 65_536
_DONE = b"[DONE]"
_DRAIN_SECONDS = 0.1
_ANOTHER_DIALECT = (ValueError, TypeError, AttributeError, LookupError)
"""What reading an answer ends in that is no JSON, or has another shape."""


class Refused(ProviderFailed):
    """The server answered with an error. `status`: its HTTP status."""

    def __init__(self, reason: str, detail: str, status: int) -> None:
        super().__init__(reason, detail)
        self.status = status


class OpenAIClient:
    """`base_url`: with the `/v1` that its paths begin with. Connects when it is first asked."""

    def __init__(self, settings: LanguageModelSettings) -> None:
        self.base_url = settings.openai_base_url
        key = settings.openai_api_key.get_secret_value() if settings.openai_api_key else None
        self._headers = {"Content-Type": "application/json", "Accept-Encoding": "identity"}
        if key:
            self._headers["Authorization"] = f"Bearer {key}"
        connect_seconds = settings.llm_connect_seconds
        self._inquiry = aiohttp.ClientTimeout(settings.llm_inquiry_seconds, sock_connect=connect_seconds)
        self._answer = aiohttp.ClientTimeout(
            None, sock_connect=connect_seconds, sock_read=settings.llm_first_token_seconds
        )
        self._session: aiohttp.ClientSession | None = None

    async def inquire(self, method: str, url: str, body: Mapping[str, Any] | None = None) -> Any:
        """What is answered without a model's work, as JSON. Raises ProviderFailed."""
        with translated():
            async with self._asked(method, url, body, self._inquiry) as answer:
                await _refuse_error(answer)
                return await answer.json(content_type=None)

    async def events(self, body: Mapping[str, Any]) -> AsyncGenerator[Any, None]:
        """The chunks of a streamed chat completion, as JSON, up to its `[DONE]`. Raises ProviderFailed."""
        with translated():
            url = f"{self.base_url}/chat/completions"
            async with self._asked("POST", url, body, self._answer) as answer:
                await _refuse_error(answer)
                async for data in _event_data(answer.content):
                    if data == _DONE:
                        await _drain(answer.content)
                        return
                    yield _chunk(data)

    async def aclose(self) -> None:
        if self._session is not None:
            await self._session.close()

    def _asked(
        self, method: str, url: str, body: Mapping[str, Any] | None, timeout: aiohttp.ClientTimeout
    ) -> Any:
        if self._session is None:  # it belongs to the loop that runs now
            connector = aiohttp.TCPConnector(limit=0)  # admission is the bound
            proxy = _proxy(self.base_url)
            self._session = aiohttp.ClientSession(connector=connector, headers=self._headers, proxy=proxy)
        content = None if body is None else json.dumps(body).encode()
        return self._session.request(method, url, data=content, timeout=timeout)


def _proxy(url: str) -> str | None:
    """What HTTPS_PROXY and its like say, looked up once: for each request it would take a millisecond."""
    parts = urlsplit(url)
    return None if proxy_bypass(parts.hostname or "") else getproxies().get(parts.scheme)


async def _refuse_error(answer: aiohttp.ClientResponse) -> None:
    if answer.status < _HTTP_ERROR:
        return
    error: Any = None
    text = await answer.content.read(_ERROR_MAX_BYTES)
    with suppress(*_ANOTHER_DIALECT):
        error = json.loads(text).get("error")
    facts = error if isinstance(error, dict) else {}
    reason = reason_of_status(answer.status)
    if {facts.get("type"), facts.get("code")} & {"exceed_context_size_error", "context_length_exceeded"}:
        reason = CONTEXT_EXCEEDED
    raise Refused(reason, str(facts.get("message") or error or answer.reason), answer.status)


async def _event_data(content: aiohttp.StreamReader) -> AsyncIterator[bytes]:
    """The data of each event. Here every event has one line of it. Source: WHATWG HTML, 9.2.6."""
    rest = b""
    async for piece in content.iter_any():
        *lines, rest = (rest + piece).split(b"\n")
        for line in lines:
            if line.startswith(b"data:"):
                yield line[5:].strip()
        if len(rest) > _EVENT_MAX_BYTES:
            raise ProviderFailed("malformed", "an event has no end")


async def _drain(content: aiohttp.StreamReader) -> None:
    """Reads to the end of an answer that is whole, so that its connection serves the next one too."""
    with suppress(TimeoutError, aiohttp.ClientError):
        async with asyncio.timeout(_DRAIN_SECONDS):
            await content.read()


def _chunk(data: bytes) -> Any:
    chunk = json.loads(data)
    if error := chunk.get("error"):
        message = error.get("message") if isinstance(error, dict) else error
        raise ProviderFailed("server_error", str(message))
    return chunk


@contextmanager
def translated() -> Iterator[None]:
    try:
        yield
    except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError, aiohttp.InvalidURL) as exc:
        raise ProviderFailed("refused", type(exc).__name__) from exc
    except TimeoutError as exc:
        raise ProviderFailed("timeout", type(exc).__name__) from exc
    except aiohttp.ClientResponseError as exc:
        raise ProviderFailed("malformed", type(exc).__name__) from exc
    except (aiohttp.ClientError, OSError) as exc:
        raise ProviderFailed(CUT_OFF, type(exc).__name__) from exc
    except _ANOTHER_DIALECT as exc:
        raise ProviderFailed("malformed", type(exc).__name__) from exc
