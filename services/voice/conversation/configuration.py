"""How a conversation listens and speaks: the service's defaults, and what its client changed. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from services.voice import openai_names
from services.voice.conversation.client_events import (
    Audio,
    AudioInput,
    InputTranscription,
    SessionChange,
    TurnDetection,
)
from services.voice.listening.turn_taking import TurnRules
from services.voice.synthesis.encoding import AudioFormat
from services.voice.synthesis.engine import Voice
from services.voice.synthesis.service import SynthesisOptions
from services.voice.transcription.service import TranscriptionOptions

_EAGERNESS_SECONDS = {"high": 0.8, "medium": 1.6, "auto": 1.6, "low": 3.0}
"""How long an unfinished sentence is waited for."""


@dataclass(frozen=True, slots=True)
class Configuration:
    """`turn_detection` None: the client says itself when a turn ends."""

    rules: TurnRules
    turn_detection: TurnDetection | None = field(default_factory=TurnDetection)
    transcription: InputTranscription | None = None
    """None: there are no partials."""
    voice: Voice | None = None
    voice_name: str = openai_names.DEFAULT_VOICE
    speed: float = 1.0
    instructions: str | None = None
    """In place of the chat service's system prompt. None: that stands."""

    def changed(self, change: SessionChange, voices: Sequence[Voice]) -> "Configuration":
        """Raises InvalidRequest for a voice that there is not."""
        audio = change.audio or Audio()
        result = replace(self, instructions=change.instructions or self.instructions)
        if audio.input is not None:
            result = result._listening_to(audio.input)
        if audio.output is not None:
            named = audio.output.voice or self.voice_name
            voice = openai_names.voice(named, voices)
            result = replace(result, voice=voice, voice_name=named, speed=audio.output.speed)
        return result

    @property
    def listening(self) -> tuple[object, ...]:
        """What makes a listener another one when it changes."""
        return self.turn_detection, self.transcription

    @property
    def turn_rules(self) -> TurnRules:
        detection = self.turn_detection or TurnDetection()
        silence_ms, prefix_ms = detection.silence_duration_ms, detection.prefix_padding_ms
        return replace(
            self.rules,
            threshold=detection.threshold or self.rules.threshold,
            silence_seconds=self.rules.silence_seconds if silence_ms is None else silence_ms / 1000,
            prefix_seconds=self.rules.prefix_seconds if prefix_ms is None else prefix_ms / 1000,
            unfinished_seconds=(
                self.rules.unfinished_seconds
                if detection.eagerness == "auto"
                else _EAGERNESS_SECONDS[detection.eagerness]
            ),
        )

    @property
    def wants_partials(self) -> bool:
        return self.transcription is not None

    @property
    def transcription_options(self) -> TranscriptionOptions:
        wanted = self.transcription or InputTranscription()
        return TranscriptionOptions(wanted.language, prompt=wanted.prompt)

    @property
    def synthesis_options(self) -> SynthesisOptions:
        wanted = self.transcription or InputTranscription()
        return SynthesisOptions(
            voice=self.voice.id if self.voice else openai_names.DEFAULT_VOICE,
            language=self.voice.language if self.voice else wanted.language or "en",
            speed=self.speed,
            format=AudioFormat.PCM,
        )

    def as_json(self) -> dict[str, Any]:
        pcm = {"type": "audio/pcm", "rate": 24_000}
        detection = self.turn_detection
        return {
            "instructions": self.instructions or "",
            "audio": {
                "input": {
                    "format": pcm,
                    "transcription": self.transcription and self.transcription.model_dump(),
                    "turn_detection": detection and detection.model_dump(exclude_none=True),
                },
                "output": {"format": pcm, "voice": self.voice_name, "speed": self.speed},
            },
        }

    def _listening_to(self, wanted: AudioInput) -> "Configuration":
        """Only what the client named changes; null switches off."""
        named = wanted.model_fields_set
        return replace(
            self,
            turn_detection=wanted.turn_detection if "turn_detection" in named else self.turn_detection,
            transcription=wanted.transcription if "transcription" in named else self.transcription,
        )
