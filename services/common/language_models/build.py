"""Builds the chain out of the settings. The only module that names concrete providers."""

from collections.abc import Callable

from services.common.circuit_breaker import CircuitBreaker
from services.common.language_models.answer import Link, StreamLimits
from services.common.language_models.chain import ModelChain
from services.common.language_models.ollama_provider import OllamaProvider
from services.common.language_models.openai_provider import OpenAIProvider
from services.common.language_models.provider import ChatProvider
from services.common.language_models.settings import LanguageModelSettings, ProviderName

_PROVIDERS: dict[ProviderName, Callable[[LanguageModelSettings], ChatProvider]] = {
    "ollama": OllamaProvider,
    "openai": OpenAIProvider,
}


def build_chain(settings: LanguageModelSettings) -> ModelChain:
    limits = StreamLimits(
        settings.llm_first_token_seconds, settings.llm_between_tokens_seconds, settings.llm_answer_tokens
    )
    return ModelChain([_link(name, settings) for name in settings.chat_llm_chain], limits)


def _link(name: ProviderName, settings: LanguageModelSettings) -> Link:
    breaker = CircuitBreaker(
        name,
        failure_threshold=settings.llm_breaker_failure_threshold,
        reset_timeout_seconds=settings.llm_breaker_reset_seconds,
    )
    return Link(_PROVIDERS[name](settings), breaker)
