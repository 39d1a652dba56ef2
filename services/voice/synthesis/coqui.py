"""Coqui TTS: any model of that library, out of a folder. An adapter; speaks in a child process.

The library stands on torch, which has an environment of its own (services/voice/engine_python.py).
"""

import threading
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from services.voice.engine_process import EngineProcess, engine_command
from services.voice.engine_python import EnginePython
from services.voice.engines import AVAILABLE, Availability, EngineFailed
from services.voice.synthesis.coqui_model import CoquiModel, read_model
from services.voice.synthesis.engine import Speech, SpeechRequest, Voice
from services.voice.synthesis.tempo import stretched

_START_SECONDS = 120.0
_PREFIX = "coqui-"


class CoquiEngine:
    """`model_dir`: a folder with `model.pth` and `config.json`, as Coqui's releases hold them."""

    name = "coqui"

    def __init__(
        self,
        model_dir: Path,
        *,
        python: EnginePython | None = None,
        device: str = "cpu",
        threads: int = 0,
        default_language: str = "en",
    ) -> None:
        self._model_dir = model_dir
        self._python = python or EnginePython()
        self._default_language = default_language
        options = {"folder": str(model_dir.absolute()), "device": device, "threads": threads}
        script = Path(__file__).with_name("coqui_worker.py")
        self._worker = EngineProcess(
            engine_command(self._python.command, script, options), start_seconds=_START_SECONDS
        )
        self._speakers: Sequence[str] = ()

    @property
    def installed(self) -> bool:
        return self._python.has("TTS")

    @property
    def model(self) -> str | None:
        return self._model_dir.name if self._description() else None

    def availability(self, voice: str, language: str) -> Availability:
        if not self.installed:
            return Availability(False, "not_installed", "Coqui needs ./scripts/engines-env.")
        model = self._description()
        if model is None:
            wanted = f"{self._model_dir.name} needs model.pth and config.json (docs/engines.md)."
            return Availability(False, "no_model", wanted)
        if model.language_for(language) is None:
            return Availability(False, "unsupported_language", f"This Coqui model does not speak {language}.")
        return AVAILABLE

    def voices(self) -> Sequence[Voice]:
        """One for each speaker, once the model is loaded; before that, and of a single one, the default."""
        model = self._description() if self.installed else None
        if model is None:
            return []
        language = model.languages[0]
        speakers = self._speakers or ("default",)
        return [Voice(_PREFIX + speaker, speaker.title(), language, self.name) for speaker in speakers]

    def load(self) -> None:
        self._refuse_missing_parts()
        self._speakers = tuple(self._worker.start()["speakers"])

    def close(self) -> None:
        self._worker.close()

    def synthesize(self, request: SpeechRequest, cancelled: threading.Event) -> Speech:
        """A worker that hangs is killed soon after `cancelled` is set; the next sentence has a new one."""
        self._refuse_missing_parts()
        header, samples = self._worker.ask(self._asked(request), cancelled)
        rate_hz = int(header["sample_rate_hz"])
        speech = np.frombuffer(samples, dtype="<f4").astype(np.float32)
        return Speech(stretched(speech, rate_hz, request.speed), rate_hz)

    def _asked(self, request: SpeechRequest) -> dict[str, Any]:
        model = self._description()
        language = model.language_for(request.language) if model else None
        if model is None or language is None:
            raise EngineFailed("unsupported_language")
        wanted = request.voice.removeprefix(_PREFIX)
        return {
            "text": request.text,
            "speaker": wanted if wanted in self._speakers else None,
            "language": language if model.is_multilingual else None,
        }

    def _refuse_missing_parts(self) -> None:
        if not self.installed:
            raise EngineFailed("not_installed", "the environment with Coqui is not there")
        if self._description() is None:
            raise EngineFailed("no_model", f"{self._model_dir.name} has no Coqui model")

    def _description(self) -> CoquiModel | None:
        return _described(self._model_dir, self._default_language)


@lru_cache(maxsize=8)
def _read(folder: Path, default_language: str, _: float) -> CoquiModel | None:
    return read_model(folder, default_language)


def _described(folder: Path, default_language: str) -> CoquiModel | None:
    """Read once for each change of the file: availability is asked at every sentence."""
    try:
        changed_at = (folder / "config.json").stat().st_mtime
    except OSError:
        return None
    return _read(folder, default_language, changed_at) if (folder / "model.pth").is_file() else None
