"""The chat service's settings, as they stand in an environment."""

import pytest

from services.chat.settings import ChatSettings
from tests.support.tokens import SECRET


def test_lists_are_comma_separated_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JWT_SECRET", SECRET)
    monkeypatch.setenv("CHAT_LLM_CHAIN", "openai, ollama")
    monkeypatch.setenv("ALLOWED_ORIGINS", "https://a.example, https://b.example")

    settings = ChatSettings()

    assert settings.chat_llm_chain == ("openai", "ollama")
    assert settings.allowed_origins == {"https://a.example", "https://b.example"}
