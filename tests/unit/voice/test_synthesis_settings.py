"""Settings of synthesis that are refused, and where Google's key may be named."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from services.voice.settings import VoiceSettings
from tests.support.tokens import SECRET


def settings(monkeypatch: pytest.MonkeyPatch, **variables: str) -> VoiceSettings:
    for name, value in {"JWT_SECRET": SECRET, **variables}.items():
        monkeypatch.setenv(name, value)
    return VoiceSettings()


def test_googles_own_variable_names_the_key_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    found = settings(monkeypatch, GOOGLE_APPLICATION_CREDENTIALS="/secrets/google.json")
    assert found.voice_google_credentials_file == Path("/secrets/google.json")


def test_parleys_variable_comes_before_googles(monkeypatch: pytest.MonkeyPatch) -> None:
    found = settings(
        monkeypatch, GOOGLE_APPLICATION_CREDENTIALS="/theirs.json", VOICE_GOOGLE_CREDENTIALS_FILE="/ours.json"
    )
    assert found.voice_google_credentials_file == Path("/ours.json")


@pytest.mark.parametrize("endpoint", ["", "tts.example.com:443", "localhost.example.com:443", "10.0.0.1:443"])
def test_text_never_leaves_the_machine_unencrypted(monkeypatch: pytest.MonkeyPatch, endpoint: str) -> None:
    with pytest.raises(ValidationError, match="VOICE_GOOGLE_INSECURE needs"):
        settings(monkeypatch, VOICE_GOOGLE_INSECURE="true", VOICE_GOOGLE_ENDPOINT=endpoint)


@pytest.mark.parametrize("endpoint", ["localhost:9000", "127.0.0.1:9000", "[::1]:9000"])
def test_a_server_on_this_machine_may_be_spoken_to_in_the_clear(
    monkeypatch: pytest.MonkeyPatch, endpoint: str
) -> None:
    assert settings(monkeypatch, VOICE_GOOGLE_INSECURE="true", VOICE_GOOGLE_ENDPOINT=endpoint)


@pytest.mark.parametrize("chain", ["", "kokoro,kokoro", "kokoro,parrot"])
def test_a_chain_of_unknown_or_repeated_engines_is_refused(
    monkeypatch: pytest.MonkeyPatch, chain: str
) -> None:
    with pytest.raises(ValidationError, match="at most once"):
        settings(monkeypatch, VOICE_TTS_CHAIN=chain)
