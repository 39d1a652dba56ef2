"""The settings of the language models, from the environment as an operator writes it."""

import pytest
from pydantic import SecretStr, ValidationError

from services.common.language_models.ollama_provider import OllamaProvider
from services.common.language_models.settings import LanguageModelSettings
from tests.support.tokens import SECRET


def settings(**changes: object) -> LanguageModelSettings:
    return LanguageModelSettings.model_validate({"jwt_secret": SecretStr(SECRET), **changes})


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("", "http://127.0.0.1:11434"),
        ("models.example", "http://models.example:11434"),
        ("models.example:8000", "http://models.example:8000"),
        (":8000", "http://127.0.0.1:8000"),
        ("0.0.0.0", "http://127.0.0.1:11434"),
        ("0.0.0.0:8000", "http://127.0.0.1:8000"),
        ("[::]:8000", "http://[::1]:8000"),
        ("http://models.example", "http://models.example:80"),
        ("https://models.example", "https://models.example:443"),
        ("https://models.example:8000/ollama/", "https://models.example:8000/ollama/"),
        (' "models.example:8000" ', "http://models.example:8000"),
    ],
)
def test_ollama_host_is_read_as_ollama_reads_it(written: str, meant: str) -> None:
    provider = OllamaProvider(settings(ollama_host=written))
    base = provider._client._client.base_url
    port = base.port or {"http": 80, "https": 443}[base.scheme]
    path = base.path if base.path != "/" else ""
    host = f"[{base.host}]" if ":" in base.host else base.host
    assert f"{base.scheme}://{host}:{port}{path}" == meant


@pytest.mark.parametrize("written", ["models.example:port", "http://models.example:99999"])
def test_a_port_that_is_none_is_refused(written: str) -> None:
    with pytest.raises(ValidationError, match="port"):
        settings(ollama_host=written)


def test_the_chain_is_comma_separated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHAT_LLM_CHAIN", "openai, ollama")
    monkeypatch.setenv("JWT_SECRET", SECRET)
    assert LanguageModelSettings().chat_llm_chain == ("openai", "ollama")


@pytest.mark.parametrize("written", ["", "ollama,ollama", "ollama,mistral"])
def test_a_chain_of_nobody_or_of_strangers_is_refused(written: str) -> None:
    with pytest.raises(ValidationError):
        settings(chat_llm_chain=written)


def test_an_address_without_a_scheme_is_refused() -> None:
    with pytest.raises(ValidationError, match="http://"):
        settings(openai_base_url="127.0.0.1:8009/v1")
