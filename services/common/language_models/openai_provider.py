"""Answers through any server of OpenAI's dialect: llama.cpp, vLLM, OpenAI itself.

The dialect leaves open how large a model's context is and how many tokens a prompt has. llama.cpp and vLLM
both say, each in its own way; for other servers the settings and an estimate stand in.
"""

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import asdict
from typing import Any

from services.common.admission import Deadline
from services.common.language_models.inquiries import Remembered, once_more_if_cut_off
from services.common.language_models.openai_client import OpenAIClient, translated
from services.common.language_models.provider import (
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
)
from services.common.language_models.settings import LanguageModelSettings
from services.common.language_models.token_estimate import TokenEstimate
from services.common.language_models.tokenizers import TokenCounter


class OpenAIProvider:
    name = "openai"

    def __init__(self, settings: LanguageModelSettings) -> None:
        self._client = OpenAIClient(settings)
        self._default = settings.openai_model
        self._context_tokens = settings.openai_context_tokens
        self._listed = Remembered(self._list, settings.llm_inquiry_cache_seconds)
        self._estimate = TokenEstimate()
        self._counter = TokenCounter(self._client)

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
        chunks = self._client.events(_body(info.name, messages, sampling))
        async with aclosing(chunks):
            async for chunk in chunks:
                with translated():
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
        counted = await once_more_if_cut_off(lambda: self._counter.count(messages, info.name))
        return self._estimate(messages) if counted is None else counted

    async def aclose(self) -> None:
        await self._client.aclose()

    async def _list(self) -> list[ModelInfo]:
        page = await self._client.inquire("GET", f"{self._client.base_url}/models")
        with translated():
            return [self._described(model) for model in page["data"]]

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
    """What was not chosen is left to the server."""
    wanted = {**asdict(sampling), "stop": list(sampling.stop) or None}
    return {
        "model": model,
        "messages": [{"role": message.role, "content": message.content} for message in messages],
        "stream": True,
        "stream_options": {"include_usage": True},
        **{name: value for name, value in wanted.items() if value is not None},
    }
