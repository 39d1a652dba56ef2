"""Providers of language models as the tests build them, with the real model behind them."""

from pydantic import SecretStr

from services.common.circuit_breaker import CircuitBreaker
from services.common.language_models.answer import Link, StreamLimits
from services.common.language_models.chain import ModelChain
from services.common.language_models.provider import ChatProvider
from services.common.language_models.settings import LanguageModelSettings
from tests.support.tokens import SECRET

PATIENT = StreamLimits(first_token_seconds=300, between_tokens_seconds=300, answer_tokens=64)


def llm_settings(**changes: object) -> LanguageModelSettings:
    """Patient: the machine of a test may be slow. The environment counts, as it does in production."""
    patient = {"llm_first_token_seconds": 300, "llm_inquiry_seconds": 60}
    environment = LanguageModelSettings(jwt_secret=SecretStr(SECRET)).model_dump()
    return LanguageModelSettings.model_validate({**environment, **patient, **changes})


def chain_over(*providers: ChatProvider, limits: StreamLimits = PATIENT) -> ModelChain:
    return ModelChain([Link(provider, CircuitBreaker(provider.name)) for provider in providers], limits)
