"""Answers through Ollama, with its own client. What is peculiar to its protocol is translated here, once.

Peculiar: a failure in mid-answer is an `error` line of a reply with status 200; a model has a tag, `latest`
unless it says otherwise; a prompt longer than the window is cut silently, so the window is asked for
explicitly; there is no tokenizer to ask, so tokens are estimated. Source: Ollama, docs/api.md.
"""

import asyncio
import json
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import aclosing, contextmanager, suppress
from typing import Any, cast

import httpx
import ollama
from pydantic import ValidationError

from services.common.admission import Deadline
from services.common.language_models.inquiries import Remembered
from services.common.language_models.provider import (
    CUT_OFF,
    DEFAULT_SAMPLING,
    NO_MODEL,
    Delta,
    Finished,
    Message,
    ModelInfo,
    ProviderFailed,
    Sampling,
    Usage,
    reason_of_status,
)
from services.common.language_models.settings import LanguageModelSettings
from services.common.language_models.token_estimate import TokenEstimate

_DRAIN_SECONDS = 0.1


class OllamaProvider:
    name = "ollama"

    def __init__(self, settings: LanguageModelSettings) -> None:
        self._client = ollama.AsyncClient(
            settings.ollama_host,
            timeout=httpx.Timeout(settings.llm_inquiry_seconds, connect=settings.llm_connect_seconds),
        )
        self._stream_client = ollama.AsyncClient(
            settings.ollama_host,
            timeout=httpx.Timeout(settings.llm_first_token_seconds, connect=settings.llm_connect_seconds),
        )
        self._default = settings.ollama_model
        self._context_tokens = settings.ollama_context_tokens
        self._cache_seconds = settings.llm_inquiry_cache_seconds
        self._listed = Remembered(self._list, self._cache_seconds)
        self._infos: dict[str, Remembered[ModelInfo]] = {}
        self._estimates: dict[str, TokenEstimate] = {}

    async def stream(
        self,
        messages: Sequence[Message],
        *,
        model: str | None,
        deadline: Deadline,
        sampling: Sampling = DEFAULT_SAMPLING,
    ) -> AsyncGenerator[Delta | Finished, None]:
        info = await self.info(model)
        with _translated():
            answer = await self._stream_client.chat(
                model=info.name,
                messages=[{"role": message.role, "content": message.content} for message in messages],
                stream=True,
                options=_options(sampling, info.context_tokens),
            )
            parts = cast("AsyncGenerator[ollama.ChatResponse, None]", answer)  # to be closed in time
            async with aclosing(parts):
                async for part in parts:
                    yield Delta(part.message.content or "")
                    if part.done:
                        await _drain(parts)
                        yield self._finished(part, messages, info.name)
                        return
        raise ProviderFailed(CUT_OFF, "the stream ended without done")

    async def info(self, model: str | None) -> ModelInfo:
        name = model or self._default or await self._first_listed()
        asked = self._infos.get(name)
        if asked is None:
            asked = Remembered(lambda: self._show(name), self._cache_seconds)
        info = await asked.get()
        self._infos[name] = asked  # only names that there are: a client may ask for any
        return info

    async def models(self) -> list[ModelInfo]:
        return [await self.info(name) for name in await self._listed.get()]

    async def count_tokens(self, messages: Sequence[Message], *, model: str | None) -> int:
        return self._estimate((await self.info(model)).name)(messages)

    async def aclose(self) -> None:
        for client in (self._client, self._stream_client):
            await client.close()  # type: ignore[no-untyped-call]

    async def _first_listed(self) -> str:
        names = await self._listed.get()
        if not names:
            self._listed.forget()
            raise ProviderFailed(NO_MODEL, "Ollama has no model yet: ollama pull llama3.2")
        return names[0]

    async def _list(self) -> list[str]:
        with _translated():
            listed = await self._client.list()
        return [model.model for model in listed.models if model.model]

    async def _show(self, name: str) -> ModelInfo:
        with _translated():
            shown = await self._client.show(name)
        known = shown.modelinfo or {}
        trained = [int(value) for key, value in known.items() if key.endswith(".context_length")]
        return ModelInfo(_tagged(name), self.name, min([self._context_tokens, *trained]))

    def _finished(self, part: ollama.ChatResponse, messages: Sequence[Message], model: str) -> Finished:
        estimate = self._estimate(model)
        if part.prompt_eval_count:
            estimate.learn(messages, part.prompt_eval_count)
        usage = Usage(part.prompt_eval_count or estimate(messages), part.eval_count or 0)
        return Finished(usage, "length" if part.done_reason == "length" else "stop")

    def _estimate(self, model: str) -> TokenEstimate:
        return self._estimates.setdefault(model, TokenEstimate())


def _tagged(name: str) -> str:
    """`llama3.2` is `llama3.2:latest`; a namespace or a registry before it may have a colon of its own."""
    return name if ":" in name.rpartition("/")[2] else f"{name}:latest"


def _options(sampling: Sampling, context_tokens: int) -> dict[str, Any]:
    options: dict[str, Any] = {
        "num_ctx": context_tokens,
        "num_predict": sampling.max_tokens,
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
        "seed": sampling.seed,
        "frequency_penalty": sampling.frequency_penalty,
        "presence_penalty": sampling.presence_penalty,
        "stop": list(sampling.stop) or None,
    }
    return {name: value for name, value in options.items() if value is not None}


async def _drain(parts: AsyncGenerator[ollama.ChatResponse, None]) -> None:
    """Reads to the end of a reply that is whole, so that its connection serves the next one too."""
    with suppress(Exception):
        async with asyncio.timeout(_DRAIN_SECONDS):
            async for _ in parts:
                pass


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except ollama.ResponseError as exc:
        raise ProviderFailed(reason_of_status(exc.status_code), exc.error) from exc
    except (httpx.ConnectError, httpx.ConnectTimeout, ConnectionError) as exc:
        raise ProviderFailed("refused", type(exc).__name__) from exc
    except httpx.TimeoutException as exc:
        raise ProviderFailed("timeout", type(exc).__name__) from exc
    except httpx.TransportError as exc:
        raise ProviderFailed(CUT_OFF, type(exc).__name__) from exc
    except (json.JSONDecodeError, UnicodeDecodeError, ValidationError, AttributeError, TypeError) as exc:
        raise ProviderFailed("malformed", type(exc).__name__) from exc
