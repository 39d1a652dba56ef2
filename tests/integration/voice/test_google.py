"""The real Google client library against a server on this machine that speaks its protocol."""

import json
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
import pytest
from jose import jwt

from services.voice.engines import EngineFailed
from services.voice.synthesis.engine import SpeechRequest, SynthesisEngine
from services.voice.synthesis.google import GoogleEngine
from services.voice.synthesis.judgement import Judge
from tests.support import google_tts_server as fake
from tests.support.google_keys import self_signed_certificate, service_account_key
from tests.support.google_tts_server import GoogleTtsServer, google_tts_server
from tests.support.speech import voice
from tests.support.synthesis_contract import SENTENCE, MissingPartContract, SynthesisContract

HANG_LIMIT_SECONDS = 30.0
"""Far more than the second that is allowed: a call that was not cancelled would take the full minute."""


@pytest.fixture(scope="module")
def server() -> Iterator[GoogleTtsServer]:
    with google_tts_server() as running:
        yield running


@pytest.fixture(scope="module")
def engine(server: GoogleTtsServer) -> Iterator[SynthesisEngine]:
    built = GoogleEngine(endpoint=server.endpoint, insecure=True, timeout_seconds=60.0)
    yield built
    built.close()


@pytest.fixture(autouse=True)
def _well_behaved(server: GoogleTtsServer) -> None:
    server.answer = fake.spoken
    server.cancelled.clear()
    server.requests.clear()


@pytest.fixture(scope="module")
def language() -> str:
    return "en"


@pytest.fixture
def engine_without_part() -> tuple[SynthesisEngine, str]:
    """With an address where nobody answers: a word sent there would not come back as no_credentials."""
    return GoogleEngine(endpoint="localhost:1"), "no_credentials"


class TestGoogle(SynthesisContract, MissingPartContract):
    """The contract, through gRPC."""


def fails(engine: SynthesisEngine, request: SpeechRequest | None = None) -> str:
    with pytest.raises(EngineFailed) as raised:
        engine.synthesize(request or SpeechRequest(SENTENCE), threading.Event())
    return raised.value.reason


def test_it_asks_for_pcm_at_the_rate_of_the_chain(engine: SynthesisEngine, server: GoogleTtsServer) -> None:
    speech = engine.synthesize(SpeechRequest("Hello.", language="en_GB"), threading.Event())
    asked = server.requests[-1]
    assert asked.input.text == "Hello."
    assert asked.voice.language_code == "en-GB"
    assert asked.audio_config.audio_encoding.name == "LINEAR16"
    assert asked.audio_config.sample_rate_hertz == speech.sample_rate_hz == 24_000


def test_a_voice_is_asked_for_with_its_own_language(engine: SynthesisEngine, server: GoogleTtsServer) -> None:
    engine.synthesize(SpeechRequest(SENTENCE, voice="en-US-Neural2-C", language="en"), threading.Event())
    assert (server.requests[-1].voice.name, server.requests[-1].voice.language_code) == (
        "en-US-Neural2-C",
        "en-US",
    )


def test_the_voices_are_those_that_can_be_had_by_name_alone(engine: SynthesisEngine) -> None:
    engine.load()
    assert [voice.id for voice in engine.voices()] == sorted(fake.VOICES)
    assert engine.voices()[0].name == "Standard-A"


def test_a_language_without_a_voice_is_refused_unasked(engine: SynthesisEngine) -> None:
    engine.load()
    assert engine.availability("default", "de-CH").available
    assert engine.availability("default", "tlh").reason == "unsupported_language"


def test_the_client_says_who_it_is(engine: SynthesisEngine, server: GoogleTtsServer) -> None:
    engine.synthesize(SpeechRequest(SENTENCE), threading.Event())
    assert "gapic/" in server.metadata[-1]["x-goog-api-client"]


@pytest.mark.parametrize(
    ("code", "word"),
    [
        (grpc.StatusCode.UNAUTHENTICATED, "unauthenticated"),
        (grpc.StatusCode.PERMISSION_DENIED, "permission_denied"),
        (grpc.StatusCode.RESOURCE_EXHAUSTED, "resource_exhausted"),
        (grpc.StatusCode.UNAVAILABLE, "unavailable"),
        (grpc.StatusCode.INTERNAL, "internal"),
    ],
)
def test_a_refusal_keeps_grpcs_own_word_and_its_cause(
    engine: SynthesisEngine, server: GoogleTtsServer, code: grpc.StatusCode, word: str
) -> None:
    server.answer = fake.status(code)
    with pytest.raises(EngineFailed) as raised:
        engine.synthesize(SpeechRequest(SENTENCE), threading.Event())
    assert raised.value.reason == word
    assert isinstance(raised.value.__cause__, grpc.RpcError)


def test_empty_audio_is_a_failure(engine: SynthesisEngine, server: GoogleTtsServer) -> None:
    server.answer = fake.empty
    assert fails(engine) == "empty"


def test_something_other_than_audio_is_a_failure(engine: SynthesisEngine, server: GoogleTtsServer) -> None:
    server.answer = fake.garbage
    assert fails(engine) == "not_speech"
    server.answer = lambda *_: fake.wav(voice(2.0), 24_000, channels=2)
    assert fails(engine) == "not_speech"


@pytest.mark.parametrize(("answer", "word"), [(fake.silent, "silence"), (fake.cut_off, "too_short")])
def test_silence_and_half_of_the_audio_do_not_pass_for_the_sentence(
    engine: SynthesisEngine, server: GoogleTtsServer, answer: fake.Answer, word: str
) -> None:
    server.answer = answer
    request = SpeechRequest(SENTENCE)
    with pytest.raises(EngineFailed) as raised:
        Judge().check(request, engine.synthesize(request, threading.Event()))
    assert raised.value.reason == word


def test_a_slow_server_is_given_up_at_the_deadline(server: GoogleTtsServer) -> None:
    server.answer = server.hang
    impatient = GoogleEngine(endpoint=server.endpoint, insecure=True, timeout_seconds=0.5)
    assert fails(impatient) == "deadline_exceeded"
    assert server.cancelled.wait(HANG_LIMIT_SECONDS)
    impatient.close()


def test_a_caller_who_goes_cancels_the_call_at_googles_end(
    engine: SynthesisEngine, server: GoogleTtsServer
) -> None:
    server.answer = server.hang
    cancelled = threading.Event()
    started = time.monotonic()
    with ThreadPoolExecutor(1) as pool:
        call = pool.submit(engine.synthesize, SpeechRequest(SENTENCE), cancelled)
        with pytest.raises(TimeoutError):
            call.result(timeout=0.2)
        cancelled.set()
        failure = call.exception(timeout=HANG_LIMIT_SECONDS)
    assert isinstance(failure, EngineFailed)
    assert failure.reason == "cancelled"
    assert server.cancelled.wait(HANG_LIMIT_SECONDS)
    assert time.monotonic() - started < HANG_LIMIT_SECONDS


def test_a_server_that_is_not_there_is_unavailable() -> None:
    absent = GoogleEngine(endpoint="localhost:1", insecure=True, timeout_seconds=5.0)
    assert fails(absent) == "unavailable"


def test_a_key_file_that_is_none_counts_as_no_credentials(tmp_path: Path) -> None:
    for content in ("not json", "{}", "[]", json.dumps({"type": "service_account"})):
        file = tmp_path / "key.json"
        file.write_text(content)
        assert fails(GoogleEngine(file, endpoint="localhost:1")) == "no_credentials"
    assert GoogleEngine(tmp_path / "gone.json").availability("default", "en").reason == "no_credentials"


def test_the_key_signs_every_call_and_only_travels_under_tls(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A service account signs its own token, so that no other server need be asked for one."""
    certificate = self_signed_certificate(tmp_path)
    monkeypatch.setenv("GRPC_DEFAULT_SSL_ROOTS_FILE_PATH", str(certificate.file))
    key = service_account_key(tmp_path)
    with google_tts_server(certificate.server_credentials) as server:
        engine = GoogleEngine(key.file, endpoint=server.endpoint)
        assert engine.synthesize(SpeechRequest(SENTENCE), threading.Event()).samples.size
        engine.close()
        scheme, _, token = server.metadata[-1]["authorization"].partition(" ")
    claims = jwt.decode(token, key.public_pem, algorithms=["RS256"], options={"verify_aud": False})
    assert (scheme, claims["sub"]) == ("Bearer", key.email)
    assert server.metadata[-1].get("x-goog-api-client")
