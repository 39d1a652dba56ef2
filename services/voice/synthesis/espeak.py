"""eSpeak NG: a plain voice in a hundred languages, at once. An adapter; speaks in a child process."""

import importlib.util
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from services.voice.engine_process import EngineProcess, engine_command
from services.voice.engines import AVAILABLE, Availability, EngineFailed
from services.voice.synthesis.engine import Speech, SpeechRequest, Voice
from services.voice.synthesis.espeak_voices import EspeakVoice, read_voices
from services.voice.synthesis.tempo import stretched

_COMMAND = engine_command(sys.executable, Path(__file__).with_name("espeak_worker.py"), {})
_START_SECONDS = 30.0
_STANDS_FOR = {"en": "en-us"}
"""As in Kokoro's adapter: a hand-over keeps its accent."""
_PREFIX = "espeak-"
_OWN_SPEEDS = (0.5, 2.5)


class EspeakEngine:
    name = "espeak"
    model: str | None = "espeak-ng"

    def __init__(self, command: Sequence[str] = _COMMAND) -> None:
        self._worker = EngineProcess(command, start_seconds=_START_SECONDS)
        self.installed = importlib.util.find_spec("espeakng_loader") is not None
        self._voices = _voices() if self.installed else {}

    def availability(self, voice: str, language: str) -> Availability:
        if not self.installed:
            return Availability(False, "not_installed", "eSpeak needs the package espeakng-loader.")
        if self._voice(voice, language) is None:
            return Availability(False, "unsupported_language", f"eSpeak does not speak {language}.")
        return AVAILABLE

    def voices(self) -> Sequence[Voice]:
        """One for each language; its regional codes lead to the same."""
        distinct = {voice.file: voice for voice in self._voices.values()}
        return [Voice(_PREFIX + one.code, one.name, one.code, self.name) for one in distinct.values()]

    def load(self) -> None:
        self._worker.start()

    def close(self) -> None:
        self._worker.close()

    def synthesize(self, request: SpeechRequest, cancelled: threading.Event) -> Speech:
        """A worker that hangs is killed soon after `cancelled` is set; the next sentence has a new one."""
        voice = self._voice(request.voice, request.language)
        if voice is None:
            raise EngineFailed("unsupported_language")
        own_speed = min(max(request.speed, _OWN_SPEEDS[0]), _OWN_SPEEDS[1])
        asked = {"text": request.text, "voice": voice.file, "speed": own_speed}
        header, pcm = self._worker.ask(asked, cancelled)
        samples = np.frombuffer(pcm, dtype="<i2").astype(np.float32) / 32768.0
        rate_hz = int(header["sample_rate_hz"])
        return Speech(stretched(samples, rate_hz, request.speed / own_speed), rate_hz)

    def _voice(self, wanted: str, language: str) -> EspeakVoice | None:
        """By the voice's own name, else by the language, ever less of its region and script."""
        code = wanted.removeprefix(_PREFIX) if wanted.startswith(_PREFIX) else language
        parts = code.lower().replace("_", "-").split("-")
        codes = ("-".join(parts[:count]) for count in range(len(parts), 0, -1))
        known = (_STANDS_FOR.get(code, code) for code in codes)
        return next((self._voices[code] for code in known if code in self._voices), None)


def _voices() -> Mapping[str, EspeakVoice]:
    import espeakng_loader

    return read_voices(Path(espeakng_loader.get_data_path()))
