import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from services.voice.engines import EngineFailed
from services.voice.synthesis.engine import SpeechRequest
from services.voice.synthesis.espeak import EspeakEngine
from tests.support.speech import speak
from tests.support.synthesis_contract import SENTENCE, SynthesisContract

HANGING = (sys.executable, "-c", "import sys; sys.stdin.readline(); sys.stdin.readline()")
DYING = (sys.executable, "-c", "import sys; sys.stdin.readline(); sys.stdout.write('x'); sys.exit(3)")


@pytest.fixture(scope="module")
def engine() -> Iterator[EspeakEngine]:
    engine = EspeakEngine()
    yield engine
    engine.close()


@pytest.fixture(scope="module")
def language() -> str:
    return "en"


class TestEspeak(SynthesisContract):
    unknown_language = "tlh"

    @pytest.mark.parametrize(
        ("tag", "voice"),
        [
            ("en", "en-us"),
            ("en-GB", "en-gb"),
            ("en-NZ", "en-us"),
            ("de-AT", "de"),
            ("zh-Hant-TW", "cmn"),
            ("pt-BR", "pt-br"),
            ("no", "nb"),
        ],
    )
    def test_a_language_tag_leads_to_the_nearest_voice(
        self, engine: EspeakEngine, tag: str, voice: str
    ) -> None:
        assert engine._voice("default", tag) == engine._voice(f"espeak-{voice}", "en")

    def test_every_voice_that_is_listed_speaks(self, engine: EspeakEngine) -> None:
        for voice in engine.voices():
            assert speak(engine, SpeechRequest("mama 2", voice=voice.id)).samples.any(), voice

    def test_a_worker_that_was_killed_is_replaced(self, engine: EspeakEngine) -> None:
        speak(engine, SpeechRequest(SENTENCE))
        worker = engine._worker
        assert worker is not None
        worker.kill()
        worker.wait()
        assert speak(engine, SpeechRequest(SENTENCE)).duration_seconds > 1.0

    def test_closing_leaves_no_process(self) -> None:
        engine = EspeakEngine()
        engine.load()
        worker = engine._worker
        assert worker is not None
        engine.close()
        assert worker.poll() is not None


def test_a_worker_that_hangs_is_killed_when_the_call_is_cancelled() -> None:
    engine, cancelled = EspeakEngine(HANGING), threading.Event()
    with ThreadPoolExecutor(1) as pool:
        call = pool.submit(engine.synthesize, SpeechRequest(SENTENCE), cancelled)
        cancelled.set()
        with pytest.raises(EngineFailed) as raised:
            call.result(timeout=10.0)
    assert raised.value.reason == "cancelled"
    engine.close()


def test_a_worker_that_dies_in_mid_sentence_is_a_failure_and_no_more() -> None:
    engine = EspeakEngine(DYING)
    for _ in range(2):
        with pytest.raises(EngineFailed) as raised:
            speak(engine, SpeechRequest(SENTENCE))
        assert raised.value.reason == "died"
    engine.close()


def test_the_worker_is_given_no_secret_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JWT_SECRET", "s" * 64)
    show = "import os, sys; sys.stderr.write(repr(dict(os.environ))); sys.stdin.readline()"
    engine = EspeakEngine((sys.executable, "-c", show))
    real = subprocess.Popen
    seen: dict[str, str] = {}

    class Watching(real):  # type: ignore[valid-type,misc]  # stands in for Popen, whatever its types
        def __init__(self, *args: object, **options: object) -> None:
            environment = options["env"]
            assert isinstance(environment, dict)
            seen.update(environment)
            super().__init__(*args, **options)

    monkeypatch.setattr(subprocess, "Popen", Watching)
    with pytest.raises(EngineFailed):
        speak(engine, SpeechRequest(SENTENCE))
    assert seen
    assert "JWT_SECRET" not in seen
    engine.close()
