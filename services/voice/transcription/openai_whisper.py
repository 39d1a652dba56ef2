"""openai-whisper: the reference implementation, in place of faster-whisper. An adapter with a child process.

It stands on torch, which has an environment of its own (services/voice/engine_python.py). Its encoder takes
nothing but the full window of 30 s, so a short utterance costs as much as a long one.
"""

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from services.voice.engine_process import EngineProcess, engine_command
from services.voice.engine_python import EnginePython
from services.voice.engines import AVAILABLE, Availability, EngineFailed
from services.voice.transcription import whisper_windows
from services.voice.transcription.engine import (
    SAMPLE_RATE_HZ,
    Segment,
    SpeechSpan,
    Transcript,
    Utterance,
    Word,
)
from services.voice.transcription.whisper_segments import mean_confidence

_START_SECONDS = 120.0


class OpenAIWhisperEngine:
    """`name` is "whisper": which implementation serves is a setting, not a contract."""

    name = "whisper"

    def __init__(
        self,
        checkpoint: Path,
        *,
        python: EnginePython | None = None,
        device: str = "cpu",
        beam_size: int = 1,
        threads: int = 0,
    ) -> None:
        self._checkpoint = checkpoint
        self._python = python or EnginePython()
        options = {
            "checkpoint": str(checkpoint.absolute()),
            "device": device,
            "beam_size": beam_size,
            "threads": threads,
        }
        script = Path(__file__).with_name("openai_whisper_worker.py")
        self._worker = EngineProcess(
            engine_command(self._python.command, script, options), start_seconds=_START_SECONDS
        )

    @property
    def model(self) -> str | None:
        return self._checkpoint.parent.name if self._checkpoint.is_file() else None

    @property
    def installed(self) -> bool:
        return self._python.has("whisper")

    def availability(self, language: str | None) -> Availability:
        folder = self._checkpoint.parent.name
        if not self.installed:
            return Availability(False, "not_installed", "openai-whisper needs ./scripts/engines-env.")
        if not self._checkpoint.is_file():
            return Availability(False, "no_model", f"python -m services.models pull {folder}")
        if folder.endswith(".en") and language not in {None, "en"}:
            return Availability(False, "unsupported_language", f"{folder} hears English only.")
        return AVAILABLE

    def load(self) -> None:
        self._refuse_missing_parts()
        self._worker.start()

    def close(self) -> None:
        self._worker.close()

    def transcribe(self, utterance: Utterance, cancelled: threading.Event) -> Transcript:
        """A worker that hangs is killed soon after `cancelled` is set; the next call has a new one."""
        self._refuse_missing_parts()
        language = utterance.language
        segments: list[Segment] = []
        for window in whisper_windows.windows(utterance.speech):
            heard = self._hear(window, utterance, language, cancelled)
            language = language or heard["language"]
            segments.extend(_segment(part, window.start / SAMPLE_RATE_HZ) for part in heard["segments"])
        return Transcript(
            text=" ".join(segment.text for segment in segments),
            language=language,
            model=self._checkpoint.parent.name,
            segments=segments,
            confidence=mean_confidence(segments),
        )

    def _hear(
        self, window: SpeechSpan, utterance: Utterance, language: str | None, cancelled: threading.Event
    ) -> dict[str, Any]:
        samples = np.ascontiguousarray(utterance.samples[window.start : window.end], dtype="<f4")
        asked = {
            "language": language,
            "word_timestamps": utterance.word_timestamps,
            "max_tokens": whisper_windows.max_tokens(
                len(samples) * whisper_windows.FRAMES_PER_SECOND // SAMPLE_RATE_HZ
            ),
        }
        header, _ = self._worker.ask(asked, cancelled, samples.tobytes())
        return header

    def _refuse_missing_parts(self) -> None:
        if not self.installed:
            raise EngineFailed("not_installed", "the environment with openai-whisper is not there")
        if not self._checkpoint.is_file():
            raise EngineFailed("no_model", f"{self._checkpoint.parent.name} is not in the models folder")


def _segment(part: dict[str, Any], offset: float) -> Segment:
    return Segment(
        round(offset + part["start"], 3),
        round(offset + part["end"], 3),
        part["text"],
        part["confidence"],
        _words(part["words"], offset),
    )


def _words(words: Sequence[dict[str, Any]], offset: float) -> tuple[Word, ...]:
    return tuple(
        Word(
            round(offset + word["start"], 3),
            round(offset + word["end"], 3),
            word["word"],
            word["probability"],
        )
        for word in words
    )
