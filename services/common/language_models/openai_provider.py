"""Answers through any server of OpenAI's dialect: llama.cpp, vLLM, OpenAI itself. With the `openai` client.

The dialect leaves open how large a model's context is and how many tokens a prompt has. llama.cpp and vLLM
both say, each in its own way; for other servers the settings and an estimate stand in.
"""

from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any

import openai

from services.common.admission import Deadline
from services.common.language_models.inquiries import Remembered, once_more_if_cut_off
from services.common.language_models.provider import (
    CONTEXT_EXCEEDED,
    CUT_OFF,
    DEFAULT_SAMPLING,
    NO_MODEL,
    Delta,
    Finished,
    FinishReason,
    Message,
    ModelInfo,
    ProviderFailed,
    Sampling,
    Usage,
    reason_of_status,
)
from services.common.language_models.settings import LanguageModelSettings
from services.common.language_models.token_estimate import TokenEstimate
from services.common.language_models.tokenizers import TokenCounter

_ANOTHER_DIALECT = (ValueError, TypeError, AttributeError, LookupError)
"""What reading an answer ends in that is no JSON, or has another shape."""
_NO_KEY = "none"
"""The client insists on a key; a server that wants none ignores it."""


class OpenAIProvider:
    name = "openai"

    def __init__(self, settings: LanguageModelSettings) -> None:
        key = settings.openai_api_key.get_secret_value() if settings.openai_api_key else _NO_KEY
        self._client = openai.AsyncOpenAI(
            api_key=key,
            base_url=settings.openai_base_url,
            max_retries=0,  # the chain's next provider is the retry
            timeout=openai.Timeout(settings.llm_first_token_seconds, connect=settings.llm_connect_seconds),
        )
        self._inquiry_seconds = settings.llm_inquiry_seconds
        self._default = settings.openai_model
        self._context_tokens = settings.openai_context_tokens
        self._listed = Remembered(self._list, settings.llm_inquiry_cache_seconds)
        self._estimate = TokenEstimate()
        self._counter = TokenCounter(self._client, settings.openai_base_url, self._inquiry_seconds)

    async def stream(
        self,
        messages: Sequence[Message],
        *,
        model: str | None,
        deadline: Deadline,
        sampling: Sampling = DEFAULT_SAMPLING,
    ) -> AsyncGenerator[Delta | Finished, None]:
        info = await self.info(model)
        reading = _Reading()
        with _translated():
            chunks = await self._client.post(
                "/chat/completions",
                cast_to=object,
                body=_body(info.name, messages, sampling),
                stream=True,
                stream_cls=openai.AsyncStream[Any],
            )
            async with chunks:
                async for chunk in chunks:
                    delta = reading.take(chunk)
                    if delta is not None:
                        yield delta
        yield self._finished(reading, messages)

    async def info(self, model: str | None) -> ModelInfo:
        listed = await self._listed.get()
        wanted = model or self._default
        found = next((info for info in listed if not wanted or info.name == wanted), None)
        if found is None:
            self._listed.forget()
            raise ProviderFailed(NO_MODEL, "the server lists no such model")
        return found

    async def models(self) -> list[ModelInfo]:
        return list(await self._listed.get())

    async def count_tokens(self, messages: Sequence[Message], *, model: str | None) -> int:
        info = await self.info(model)
        counted = await once_more_if_cut_off(lambda: self._counted(messages, info.name))
        return self._estimate(messages) if counted is None else counted

    async def aclose(self) -> None:
        await self._client.close()

    async def _counted(self, messages: Sequence[Message], model: str) -> int | None:
        with _translated():
            return await self._counter.count(messages, model)

    async def _list(self) -> list[ModelInfo]:
        with _translated():
            page = await self._client.models.list(timeout=self._inquiry_seconds)
            return [self._described(model.model_dump()) for model in page.data]

    def _described(self, model: dict[str, Any]) -> ModelInfo:
        """vLLM says `max_model_len`, llama.cpp `meta.n_ctx`; both are beyond the dialect."""
        meta = model.get("meta") or {}
        context = model.get("max_model_len") or meta.get("n_ctx") or self._context_tokens
        return ModelInfo(str(model["id"]), self.name, int(context))

    def _finished(self, reading: "_Reading", messages: Sequence[Message]) -> Finished:
        if reading.finish_reason is None:
            raise ProviderFailed(CUT_OFF, "the stream ended without a finish_reason")
        if reading.usage is not None:
            self._estimate.learn(messages, reading.usage.prompt_tokens)
        usage = reading.usage or Usage(self._estimate(messages), reading.deltas)
        return Finished(usage, reading.finish_reason)


class _Reading:
    """What a stream's chunks have said so far."""

    def __init__(self) -> None:
        self.finish_reason: FinishReason | None = None
        self.usage: Usage | None = None
        self.deltas = 0

    def take(self, chunk: Mapping[str, Any]) -> Delta | None:
        """None for a chunk without text: the role at the beginning, the reason and the usage at the end."""
        if usage := chunk.get("usage"):
            self.usage = Usage(int(usage["prompt_tokens"]), int(usage["completion_tokens"]))
        if not chunk["choices"]:
            return None
        choice = chunk["choices"][0]
        if reason := choice.get("finish_reason"):
            self.finish_reason = "length" if reason == "length" else "stop"
        delta = choice.get("delta") or {}
        if content := delta.get("content"):
            self.deltas += 1
            return Delta(str(content))
        return Delta("") if delta.get("reasoning_content") else None


def _body(model: str, messages: Sequence[Message], sampling: Sampling) -> dict[str, Any]:
    """Made and read by hand: the client's typed method takes a millisecond, before the first token."""
    wanted = {**asdict(sampling), "stop": list(sampling.stop) or None}
    return {
        "model": model,
        "messages": [{"role": message.role, "content": message.content} for message in messages],
        "stream": True,
        "stream_options": {"include_usage": True},
        **{name: value for name, value in wanted.items() if value is not None},
    }


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except openai.APIConnectionError as exc:
        raise ProviderFailed(_break(exc), type(exc.__cause__).__name__) from exc
    except openai.APIStatusError as exc:
        raise ProviderFailed(_reason(exc), exc.message) from exc
    except openai.APIError as exc:
        raise ProviderFailed("server_error", exc.message) from exc
    except _ANOTHER_DIALECT as exc:
        raise ProviderFailed("malformed", type(exc).__name__) from exc


def _break(error: openai.APIConnectionError) -> str:
    """Told apart by name: which HTTP library the client stands on is its own business."""
    if type(error.__cause__).__name__ in {"ConnectError", "ConnectTimeout"}:
        return "refused"
    return "timeout" if isinstance(error, openai.APITimeoutError) else CUT_OFF


def _reason(error: openai.APIStatusError) -> str:
    body = error.body if isinstance(error.body, dict) else {}
    if {body.get("type"), body.get("code")} & {"exceed_context_size_error", "context_length_exceeded"}:
        return CONTEXT_EXCEEDED
    return reason_of_status(error.status_code)
