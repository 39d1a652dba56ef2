"""Vosk: quick recognition of short utterances, with times and confidences of words. An adapter.

Models are folders `vosk-<language>` or `vosk-small-<language>-…`; Vosk's own look-up by name would download,
and ends the process when it fails.
"""

import importlib.util
import json
import re
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from services.voice.engines import AVAILABLE, Availability, EngineFailed
from services.voice.transcription.engine import SAMPLE_RATE_HZ, Segment, Transcript, Utterance, Word

_FOLDER = re.compile(r"vosk-(?:model-)?(?:small-)?(?P<language>[a-z]{2,3})(?:-|$)")
_CHUNK_SAMPLES = SAMPLE_RATE_HZ // 4


class VoskEngine:
    """Holds one model at a time for each language that was asked for."""

    name = "vosk"

    def __init__(self, models_dir: Path) -> None:
        self._models_dir = models_dir
        self._loaded: dict[str, Any] = {}
        self._lock = threading.Lock()

    @property
    def model(self) -> str | None:
        return ", ".join(folder.name for folder in self._folders().values()) or None

    @property
    def installed(self) -> bool:
        return importlib.util.find_spec("vosk") is not None

    @property
    def languages(self) -> Sequence[str]:
        return sorted(self._folders())

    def availability(self, language: str | None) -> Availability:
        if not self.installed:
            return Availability(False, "not_installed", "Vosk needs the package vosk.")
        folders = self._folders()
        if not folders or (language is not None and language not in folders):
            of_what = f" for {language}" if language else ""
            return Availability(False, "no_model", f"There is no Vosk model{of_what} in the models folder.")
        if language is None:
            return Availability(False, "language_unknown", "Vosk cannot detect the language of an utterance.")
        return AVAILABLE

    def load(self) -> None:
        """Loads nothing where there is more than one language: the first request of each does."""
        folders = self._folders()
        if not folders:
            raise EngineFailed("no_model", "there is no Vosk model in the models folder")
        if len(folders) == 1:
            self._model_for(next(iter(folders)))

    def close(self) -> None:
        self._loaded.clear()

    def transcribe(self, utterance: Utterance, cancelled: threading.Event) -> Transcript:
        if utterance.language is None:
            raise EngineFailed("language_unknown", "Vosk cannot detect the language of an utterance")
        recognizer = self._recognizer(utterance.language)
        words = _words(_recognise(recognizer, utterance.samples, cancelled))
        text = " ".join(word.text for word in words)
        confidence = round(float(np.mean([word.confidence for word in words])), 3) if words else None
        return Transcript(
            text=text,
            language=utterance.language,
            model=self._folders()[utterance.language].name,
            segments=_segments(words, text, confidence),
            confidence=confidence,
        )

    def live(self, language: str) -> "LiveVosk":
        """A recogniser that is told an utterance as it is spoken. Blocking: loads the model. EngineFailed."""
        return LiveVosk(self._recognizer(language))

    def _recognizer(self, language: str) -> Any:
        from vosk import KaldiRecognizer

        recognizer = KaldiRecognizer(self._model_for(language), SAMPLE_RATE_HZ)
        recognizer.SetWords(True)
        return recognizer

    def _model_for(self, language: str) -> Any:
        with self._lock:
            if language not in self._loaded:
                self._loaded[language] = self._read_model(language)
            return self._loaded[language]

    def _read_model(self, language: str) -> Any:
        import vosk

        folder = self._folders().get(language)
        if folder is None:
            raise EngineFailed("no_model", f"there is no Vosk model for {language}")
        vosk.SetLogLevel(-1)
        try:
            return vosk.Model(str(folder))
        except Exception as exc:  # vosk raises a bare Exception
            raise EngineFailed("load_failed", f"{folder.name} is not a Vosk model") from exc

    def _folders(self) -> dict[str, Path]:
        if not self._models_dir.is_dir():
            return {}
        found: dict[str, Path] = {}
        for folder in sorted(self._models_dir.iterdir()):
            match = _FOLDER.match(folder.name)
            if match and (folder / "am").is_dir():
                found.setdefault(match["language"], folder)
        return found


class LiveVosk:
    """For one utterance; every call blocks."""

    def __init__(self, recognizer: Any) -> None:
        self._recognizer = recognizer
        self._settled: list[str] = []

    def accept(self, samples: NDArray[np.float32]) -> str:
        """The next samples, mono float32 at SAMPLE_RATE_HZ; the words so far."""
        if self._recognizer.AcceptWaveform((samples * 32767).astype("<i2").tobytes()):
            self._settled.append(json.loads(self._recognizer.Result()).get("text", ""))
        partial = json.loads(self._recognizer.PartialResult()).get("partial", "")
        return " ".join(part for part in (*self._settled, partial) if part)


def _recognise(
    recognizer: Any, samples: NDArray[np.float32], cancelled: threading.Event
) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for start in range(0, len(samples), _CHUNK_SAMPLES):
        if cancelled.is_set():
            raise EngineFailed("cancelled")
        chunk = (samples[start : start + _CHUNK_SAMPLES] * 32767).astype("<i2").tobytes()
        if recognizer.AcceptWaveform(chunk):
            found.extend(json.loads(recognizer.Result()).get("result", []))
    return [*found, *json.loads(recognizer.FinalResult()).get("result", [])]


def _words(found: Sequence[dict[str, Any]]) -> list[Word]:
    return [
        Word(round(item["start"], 3), round(item["end"], 3), item["word"], round(item["conf"], 3))
        for item in found
    ]


def _segments(words: Sequence[Word], text: str, confidence: float | None) -> tuple[Segment, ...]:
    if not words or confidence is None:
        return ()
    return (Segment(words[0].start_seconds, words[-1].end_seconds, text, confidence, tuple(words)),)
