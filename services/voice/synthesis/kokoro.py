"""Kokoro-82M on ONNX Runtime: the voice that needs nothing but its model. An adapter."""

import importlib.util
import os
import threading
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from services.voice.engines import AVAILABLE, Availability, EngineFailed
from services.voice.synthesis.engine import Speech, SpeechRequest, Voice
from services.voice.synthesis.onnx_session import InterruptibleSession
from services.voice.synthesis.tempo import stretched

_MODEL_FILE = "model.onnx"
_VOICE_FILES = ("voices.bin", "voices.npz")
_LANGUAGES = {
    "a": "en-us",
    "b": "en-gb",
    "e": "es",
    "f": "fr-fr",
    "h": "hi",
    "i": "it",
    "j": "ja",
    "p": "pt-br",
    "z": "cmn",
}
"""By the first letter of a voice's name. Source: Kokoro-82M, VOICES.md."""
_PHONEMIZED = {
    "en": "en-us",
    "en-us": "en-us",
    "en-gb": "en-gb",
    "es": "es",
    "fr": "fr-fr",
    "hi": "hi",
    "it": "it",
    "pt": "pt-br",
}
"""Languages whose phonemes eSpeak gives as Kokoro was trained on them."""
_PREFERRED = ("af_heart", "af_bella", "jm_kumo", "jf_nezumi")
"""Default voices, best first. Of the Japanese ones, jm_kumo's English is heard with the fewest errors and
jf_alpha's is taken for Japanese (docs/engines.md)."""
_OWN_SPEEDS = (0.5, 2.0)


@dataclass(frozen=True, slots=True)
class _Loaded:
    session: InterruptibleSession
    kokoro: Any


class KokoroEngine:
    name = "kokoro"

    def __init__(self, model_dirs: Sequence[Path], *, threads: int = 0) -> None:
        self._model_dirs = model_dirs
        self._threads = threads or os.cpu_count() or 1
        self._loaded: _Loaded | None = None
        self.installed = importlib.util.find_spec("kokoro_onnx") is not None

    @property
    def model(self) -> str | None:
        folder = self._folder()
        return folder.name if folder else None

    def availability(self, voice: str, language: str) -> Availability:
        if not self.installed:
            return Availability(False, "not_installed", "Kokoro needs the package kokoro-onnx.")
        if self._folder() is None:
            return Availability(False, "no_model", "python -m services.models pull kokoro-int8-ja")
        if _phonemizer_language(language) is None:
            return Availability(False, "unsupported_language", f"Kokoro does not speak {language}.")
        return AVAILABLE

    def voices(self) -> Sequence[Voice]:
        return [
            Voice(name, name.split("_")[-1].title(), _spoken_language(name), self.name)
            for name in self._voice_names()
        ]

    def load(self) -> None:
        self._model()

    def close(self) -> None:
        self._loaded = None

    def synthesize(self, request: SpeechRequest, cancelled: threading.Event) -> Speech:
        """One sentence is one run of the model, left between two of its nodes once `cancelled` is set."""
        language = _phonemizer_language(request.language)
        if language is None:
            raise EngineFailed("unsupported_language")
        loaded, voice = self._model(), self._voice(request.voice)
        own_speed = min(max(request.speed, _OWN_SPEEDS[0]), _OWN_SPEEDS[1])
        try:
            with loaded.session.interruptible(cancelled):
                samples, rate_hz = loaded.kokoro.create(
                    request.text, voice=voice, speed=own_speed, lang=language
                )
        except ValueError as exc:  # no phonemes of the text are in the model's vocabulary
            raise EngineFailed("unpronounceable") from exc
        return Speech(stretched(samples, rate_hz, request.speed / own_speed), rate_hz)

    def _model(self) -> _Loaded:
        if self._loaded is None:
            folder = self._folder()
            if folder is None:
                raise EngineFailed("no_model", "no Kokoro model is in the models folder")
            from kokoro_onnx import Kokoro

            session = InterruptibleSession(folder / _MODEL_FILE, self._threads)
            self._loaded = _Loaded(session, Kokoro.from_session(session, str(_voice_file(folder))))
        return self._loaded

    def _voice(self, wanted: str) -> str:
        names = self._voice_names()
        if wanted in names:
            return wanted
        return next((name for name in _PREFERRED if name in names), names[0])

    def _voice_names(self) -> Sequence[str]:
        archive = _voice_file(folder) if (folder := self._folder()) else None
        return _names_in(archive) if archive else ()

    def _folder(self) -> Path | None:
        return next((folder for folder in self._model_dirs if _is_complete(folder)), None)


def _is_complete(folder: Path) -> bool:
    voices = _voice_file(folder)
    return (folder / _MODEL_FILE).is_file() and voices is not None and bool(_names_in(voices))


def _voice_file(folder: Path) -> Path | None:
    return next((folder / name for name in _VOICE_FILES if (folder / name).is_file()), None)


@lru_cache(maxsize=8)
def _names_in(archive: Path) -> Sequence[str]:
    """Read from the archive's listing: the voices need not be loaded to be named. None of a damaged one."""
    try:
        with zipfile.ZipFile(archive) as voices:
            return tuple(sorted(name.removesuffix(".npy") for name in voices.namelist()))
    except zipfile.BadZipFile:
        return ()


def _spoken_language(voice: str) -> str:
    """A voice's own language; English where no phonemes of its own can be had, since it speaks that well."""
    own = _LANGUAGES.get(voice[0], "en-us")
    return own if _phonemizer_language(own) else "en-us"


def _phonemizer_language(language: str) -> str | None:
    lowered = language.lower().replace("_", "-")
    return _PHONEMIZED.get(lowered) or _PHONEMIZED.get(lowered.split("-")[0])
