"""The voice service in the test's own process: engines say what they are told to, the rest is real."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, BinaryIO

import numpy as np
from fastapi import FastAPI
from numpy.typing import NDArray
from pydantic import SecretStr

from services.common.admission import Admission
from services.common.circuit_breaker import CircuitBreaker
from services.common.metrics import new_registry
from services.voice.app import VoiceParts, create_app
from services.voice.engine_host import EngineHost
from services.voice.engines import AVAILABLE, Availability
from services.voice.listening.voice_detector import VoiceDetector
from services.voice.main import build_jobs, build_tickets
from services.voice.media.decoding import DecodeLimits, decode
from services.voice.settings import VoiceSettings
from services.voice.synthesis.chain import SentenceLimit
from services.voice.synthesis.engine import Speech, SpeechRequest, SynthesisEngine, Voice
from services.voice.synthesis.metrics import SynthesisMetrics
from services.voice.synthesis.service import SynthesisService
from services.voice.synthesis.simulated import SimulatedEngine
from services.voice.synthesis.speakable import spoken_units
from services.voice.transcription.engine import (
    SAMPLE_RATE_HZ,
    Segment,
    SpeechSpan,
    Transcript,
    Utterance,
    Word,
)
from services.voice.transcription.hearing import Ear, Heard
from services.voice.transcription.metrics import TranscriptionMetrics
from services.voice.transcription.service import TranscriptionService
from tests.support import speech
from tests.support.engines import PuppetEngine
from tests.support.scripted_chat import ScriptedChat
from tests.support.tokens import SECRET


@dataclass
class ScriptedRecogniser(PuppetEngine):
    """Says `text` for whatever it hears, a segment a call; `heard` keeps what it was asked."""

    text: str = "hello there world"
    missing: Availability | None = None
    language: str = "en"
    hearing: Callable[[Utterance], object] = lambda _: None
    """Runs in the engine's thread before it answers; may wait, or raise."""
    heard: list[Utterance] = field(default_factory=list)

    def availability(self, language: str | None) -> Availability:
        return self.missing or AVAILABLE

    def transcribe(self, utterance: Utterance, cancelled: threading.Event) -> Transcript:
        self.heard.append(utterance)
        self.hearing(utterance)
        start, end = (utterance.speech[0].start, utterance.speech[-1].end)
        seconds = (start / SAMPLE_RATE_HZ, end / SAMPLE_RATE_HZ)
        words = tuple(Word(*seconds, word, 0.9) for word in self.text.split())
        segment = Segment(*seconds, self.text, 0.9, words if utterance.word_timestamps else ())
        language = utterance.language or self.language
        return Transcript(self.text, language, self.model or "", (segment,), 0.9)


@dataclass
class ScriptedSpeaker(PuppetEngine):
    """Speaks each sentence as a buzz of a plausible length; `spoken` keeps the sentences."""

    known: Sequence[Voice] = ()
    speaking: Callable[[SpeechRequest], object] = lambda _: None
    spoken: list[SpeechRequest] = field(default_factory=list)

    def availability(self, voice: str, language: str) -> Availability:
        return AVAILABLE

    def voices(self) -> Sequence[Voice]:
        return self.known

    def synthesize(self, request: SpeechRequest, cancelled: threading.Event) -> Speech:
        self.spoken.append(request)
        self.speaking(request)
        seconds = (0.3 + 0.058 * spoken_units(request.text)) / request.speed
        return Speech(speech.voice(seconds), speech.RATE_HZ)


class LoudnessEar(Ear):
    """Takes whatever is loud for speech, so that a buzz made on the spot will do."""

    def _hear(self, file: BinaryIO, size_bytes: int, cancelled: threading.Event) -> Heard:
        return self._loud_parts(decode(file, size_bytes, self._limits, cancelled))

    async def find_speech(self, samples: NDArray[np.float32]) -> Heard:
        return self._loud_parts(samples)

    def _loud_parts(self, samples: NDArray[np.float32]) -> Heard:
        loud = np.abs(samples) > 0.02
        edges = np.flatnonzero(np.diff(np.concatenate([[False], _without_gaps(loud), [False]])))
        return Heard(
            samples, [SpeechSpan(int(a), int(b)) for a, b in zip(edges[::2], edges[1::2], strict=True)]
        )


class LoudnessDetector(VoiceDetector):
    """The live half of the same."""

    def __init__(self) -> None:
        self._rest = np.zeros(0, dtype=np.float32)

    def _judged(self, frames: NDArray[np.float32]) -> Sequence[float]:
        return [float(np.abs(frame).max() > 0.02) for frame in frames]


def _without_gaps(loud: NDArray[np.bool_], gap_seconds: float = 0.3) -> NDArray[np.bool_]:
    at = np.flatnonzero(loud)
    bridged = loud.copy()
    for left, right in pairwise(at):
        if right - left < gap_seconds * SAMPLE_RATE_HZ:
            bridged[left:right] = True
    return bridged


@dataclass
class VoiceApp:
    app: FastAPI
    vosk: ScriptedRecogniser
    whisper: ScriptedRecogniser
    speaker: ScriptedSpeaker
    chat: ScriptedChat
    settings: VoiceSettings


def voice_settings(**changes: Any) -> VoiceSettings:
    return VoiceSettings(
        **{"jwt_secret": SecretStr(SECRET), "voice_preload": False, "voice_wyoming": False, **changes}
    )


def voice_app(*, jobs: bool = False, tickets: bool = False, **changes: Any) -> VoiceApp:
    """No Vosk model and one Whisper, unless a test says otherwise; `changes` are settings.

    `jobs` and `tickets` are in the Redis of the settings.
    """
    settings = voice_settings(**changes)
    vosk = ScriptedRecogniser("vosk", None, missing=Availability(False, "no_model", "No Vosk model."))
    whisper = ScriptedRecogniser("whisper", "whisper-base")
    chat = ScriptedChat()
    speaker = ScriptedSpeaker("kokoro", "kokoro-test", known=[Voice("af_nova", "Nova", "en-us", "kokoro")])
    parts = VoiceParts(
        transcription=scripted_transcription(settings, (vosk, whisper)),
        synthesis=_synthesis((speaker, SimulatedEngine())),
        ear=LoudnessEar(DecodeLimits(600.0, 8), workers=1, decode_seconds=60.0),
        chat=chat,
        registry=new_registry(),
        new_detector=LoudnessDetector,
        jobs=build_jobs(settings) if jobs else None,
        tickets=build_tickets(settings) if tickets else None,
    )
    return VoiceApp(create_app(settings, parts), vosk, whisper, speaker, chat, settings)


def scripted_transcription(
    settings: VoiceSettings, engines: Sequence[ScriptedRecogniser]
) -> TranscriptionService:
    return TranscriptionService(
        {engine.name: _host(engine) for engine in engines},
        threshold_seconds=settings.voice_stt_threshold_seconds,
        min_confidence=settings.voice_vosk_min_confidence,
        default_language=settings.voice_default_language,
        metrics=TranscriptionMetrics(new_registry()),
    )


def speaking_app(*engines: SynthesisEngine, sentence_seconds: float = 30.0) -> FastAPI:
    """With this chain of speakers; each sentence may take `sentence_seconds`."""
    settings = voice_settings()
    parts = VoiceParts(
        transcription=scripted_transcription(settings, (ScriptedRecogniser("whisper"),)),
        synthesis=_synthesis(engines, sentence_seconds),
        ear=LoudnessEar(DecodeLimits(600.0, 8), workers=1, decode_seconds=60.0),
        chat=ScriptedChat(),
        registry=new_registry(),
    )
    return create_app(settings, parts)


def _synthesis(engines: Sequence[SynthesisEngine], sentence_seconds: float = 30.0) -> SynthesisService:
    return SynthesisService(
        {engine.name: _host(engine) for engine in engines},
        limit=SentenceLimit(sentence_seconds, 0.0),
        admission=Admission("texts", running_max=4, waiting_max=4),
        metrics=SynthesisMetrics(new_registry()),
    )


def _host(engine: Any) -> EngineHost[Any]:
    return EngineHost(engine, workers=2, waiting_max=8, breaker=CircuitBreaker(engine.name))
