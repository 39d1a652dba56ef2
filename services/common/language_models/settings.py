"""Settings of the language models, for every service that asks them. Mixed into ChatSettings."""

from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import NoDecode

from services.common.settings import ServiceSettings

ProviderName = Literal["ollama", "openai"]


class LanguageModelSettings(ServiceSettings):
    chat_llm_chain: Annotated[tuple[ProviderName, ...], NoDecode] = ("ollama", "openai")
    """Who is asked, in this order; comma-separated."""

    ollama_host: str = "127.0.0.1:11434"
    """As Ollama itself reads it: with or without a scheme, a port, a path."""
    ollama_model: str = ""
    """Empty: the model that Ollama lists first, which is the one that changed last."""
    ollama_context_tokens: int = Field(default=8192, ge=512)
    """The window that Ollama is asked for, at most the model's own; it is memory on the server."""

    openai_base_url: str = "http://127.0.0.1:8009/v1"
    """Any server of this dialect: llama.cpp (the embedded one), vLLM, OpenAI."""
    openai_model: str = ""
    """Empty: the model that the server lists first."""
    openai_api_key: SecretStr | None = None
    openai_context_tokens: int = Field(default=4096, ge=512)
    """For a server that does not say how much its model holds."""

    llm_connect_seconds: float = Field(default=2.0, gt=0)
    llm_first_token_seconds: float = Field(default=30.0, gt=0)
    """A server that says nothing for so long is given up; loading a model and reading the prompt count."""
    llm_between_tokens_seconds: float = Field(default=10.0, gt=0)
    llm_inquiry_seconds: float = Field(default=2.0, gt=0)
    """For what is answered without a model's work: its name, its context, a token count."""
    llm_inquiry_cache_seconds: float = Field(default=60.0, ge=0)
    llm_breaker_failure_threshold: int = Field(default=5, ge=1)
    llm_breaker_reset_seconds: float = Field(default=60.0, gt=0)
    llm_answer_tokens: int = Field(default=1024, ge=16)
    """The most that an answer gets unless its caller says otherwise; at most a quarter of the context."""

    @field_validator("chat_llm_chain", mode="before")
    @classmethod
    def _chain_is_comma_separated(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        return tuple(part.strip().lower() for part in value.split(",") if part.strip())

    @field_validator("chat_llm_chain")
    @classmethod
    def _each_once(cls, chain: tuple[ProviderName, ...]) -> tuple[ProviderName, ...]:
        if not chain or len(set(chain)) != len(chain):
            raise ValueError("names at least one provider (ollama, openai), each of them once")
        return chain

    @field_validator("ollama_host")
    @classmethod
    def _host_to_connect_to(cls, value: str) -> str:
        """What a server listens on (0.0.0.0) is no place to connect to: that is this machine."""
        host = value.strip().strip("\"'")
        for everywhere, here in (("0.0.0.0", "127.0.0.1"), ("[::]", "[::1]")):  # noqa: S104 - replaced here
            host = host.replace(everywhere, here)
        _refuse_bad_address(host if "://" in host else f"http://{host}")
        return host

    @field_validator("openai_base_url")
    @classmethod
    def _address_with_scheme(cls, value: str) -> str:
        if not value.startswith(("http://", "https://")):
            raise ValueError("is an address that begins with http:// or https://")
        _refuse_bad_address(value)
        return value.rstrip("/")


def _refuse_bad_address(address: str) -> None:
    try:
        _ = urlsplit(address).port
    except ValueError as exc:
        raise ValueError("is no address: its port is not a number from 0 to 65535") from exc
