"""Kokoro-82M on ONNX Runtime: the voice that needs nothing but its model. An adapter."""

import importlib.util
import os
import threading
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from services.voice.engines import AVAILABLE, Availability, EngineFailed
from services.voice.synthesis.engine import Speech, SpeechRequest, Voice
from services.voice.synthesis.tempo import stretched

_MODEL_FILES = ("model.onnx",)
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


class KokoroEngine:
    name = "kokoro"

    def __init__(self, model_dirs: Sequence[Path], *, threads: int = 0) -> None:
        self._model_dirs = model_dirs
        self._threads = threads or os.cpu_count() or 1
        self._kokoro: Any = None

    @property
    def model(self) -> str | None:
        folder = self._folder()
        return folder.name if folder else None

    @property
    def installed(self) -> bool:
        return importlib.util.find_spec("kokoro_onnx") is not None

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
            Voice(name, name.split("_")[-1].title(), _LANGUAGES.get(name[0], "en-us"), self.name)
            for name in self._voice_names()
        ]

    def load(self) -> None:
        folder = self._folder()
        if folder is None:
            raise EngineFailed("no_model", "no Kokoro model is in the models folder")
        from kokoro_onnx import Kokoro

        if self._kokoro is None:
            session = _session(folder / "model.onnx", self._threads)
            self._kokoro = Kokoro.from_session(session, str(_voice_file(folder)))

    def close(self) -> None:
        self._kokoro = None

    def synthesize(self, request: SpeechRequest, cancelled: threading.Event) -> Speech:
        """One sentence is one call of the model, which cannot be interrupted."""
        self.load()
        language = _phonemizer_language(request.language)
        if language is None:
            raise EngineFailed("unsupported_language")
        own_speed = min(max(request.speed, _OWN_SPEEDS[0]), _OWN_SPEEDS[1])
        try:
            samples, rate_hz = self._kokoro.create(
                request.text, voice=self._voice(request.voice), speed=own_speed, lang=language
            )
        except ValueError as exc:  # no phonemes of the text are in the model's vocabulary
            raise EngineFailed("unpronounceable") from exc
        return Speech(stretched(samples, rate_hz, request.speed / own_speed), rate_hz)

    def _voice(self, wanted: str) -> str:
        names = self._voice_names()
        if wanted in names:
            return wanted
        return next((name for name in _PREFERRED if name in names), names[0])

    def _voice_names(self) -> list[str]:
        """Read from the archive's listing: the voices need not be loaded to be named."""
        folder = self._folder()
        if folder is None:
            return []
        with zipfile.ZipFile(_voice_file(folder)) as archive:
            return sorted(name.removesuffix(".npy") for name in archive.namelist())

    def _folder(self) -> Path | None:
        return next((folder for folder in self._model_dirs if _is_complete(folder)), None)


def _is_complete(folder: Path) -> bool:
    return (folder / "model.onnx").is_file() and any((folder / name).is_file() for name in _VOICE_FILES)


def _voice_file(folder: Path) -> Path:
    return next(folder / name for name in _VOICE_FILES if (folder / name).is_file())


def _phonemizer_language(language: str) -> str | None:
    lowered = language.lower().replace("_", "-")
    return _PHONEMIZED.get(lowered) or _PHONEMIZED.get(lowered.split("-")[0])


def _session(model: Path, threads: int) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
