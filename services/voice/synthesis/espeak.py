"""eSpeak NG: a plain voice in a hundred languages, at once. An adapter; speaks in a child process."""

import importlib.util
import json
import os
import struct
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO

import numpy as np
from numpy.typing import NDArray

from services.voice.engines import AVAILABLE, Availability, EngineFailed
from services.voice.synthesis.engine import Speech, SpeechRequest, Voice
from services.voice.synthesis.espeak_voices import EspeakVoice, read_voices
from services.voice.synthesis.interruption import stopped_by
from services.voice.synthesis.tempo import stretched

_COMMAND = (sys.executable, "-I", str(Path(__file__).with_name("espeak_worker.py")))
_PASSED_ON = ("PATH", "LANG", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "SYSTEMROOT", "TMPDIR")
_STANDS_FOR = {"en": "en-us"}
"""As in Kokoro's adapter: a hand-over keeps its accent."""
_PREFIX = "espeak-"
_OWN_SPEEDS = (0.5, 2.5)


class EspeakEngine:
    name = "espeak"
    model: str | None = "espeak-ng"

    def __init__(self, command: Sequence[str] = _COMMAND) -> None:
        self._command = command
        self._worker: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()
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
        with self._lock:
            self._running_worker()

    def close(self) -> None:
        if self._worker is not None:
            self._kill(self._worker)

    def synthesize(self, request: SpeechRequest, cancelled: threading.Event) -> Speech:
        """A worker that hangs is killed as soon as `cancelled` is set; the next sentence has a new one."""
        voice = self._voice(request.voice, request.language)
        if voice is None:
            raise EngineFailed("unsupported_language")
        own_speed = min(max(request.speed, _OWN_SPEEDS[0]), _OWN_SPEEDS[1])
        with self._lock:
            samples, rate_hz = self._ask(request.text, voice.file, own_speed, cancelled)
        return Speech(stretched(samples, rate_hz, request.speed / own_speed), rate_hz)

    def _ask(
        self, text: str, voice: str, speed: float, cancelled: threading.Event
    ) -> tuple[NDArray[np.float32], int]:
        worker = self._running_worker()
        try:
            with stopped_by(cancelled, worker.kill):
                header, pcm = _exchange(worker, {"text": text, "voice": voice, "speed": speed})
        except (OSError, struct.error, ValueError) as exc:
            self._kill(worker)
            raise EngineFailed("cancelled" if cancelled.is_set() else "died") from exc
        if "error" in header:
            raise EngineFailed("error", str(header["error"]))
        samples = np.frombuffer(pcm, dtype="<i2").astype(np.float32) / 32768.0
        return samples, int(str(header["sample_rate_hz"]))

    def _running_worker(self) -> "subprocess.Popen[bytes]":
        if self._worker is None or self._worker.poll() is not None:
            pipe = subprocess.PIPE
            self._worker = subprocess.Popen(
                self._command, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL, env=_clean_environment()
            )
        return self._worker

    def _kill(self, worker: "subprocess.Popen[bytes]") -> None:
        worker.kill()
        worker.wait()
        for stream in (worker.stdin, worker.stdout):
            if stream is not None:
                with suppress(OSError):
                    stream.close()

    def _voice(self, wanted: str, language: str) -> EspeakVoice | None:
        """By the voice's own name, else by the language, ever less of its region and script."""
        code = wanted.removeprefix(_PREFIX) if wanted.startswith(_PREFIX) else language
        parts = code.lower().replace("_", "-").split("-")
        codes = ("-".join(parts[:count]) for count in range(len(parts), 0, -1))
        known = (_STANDS_FOR.get(code, code) for code in codes)
        return next((self._voices[code] for code in known if code in self._voices), None)


def _exchange(
    worker: "subprocess.Popen[bytes]", request: dict[str, object]
) -> tuple[dict[str, object], bytes]:
    if worker.stdin is None or worker.stdout is None:
        raise OSError("the worker has no pipes")
    worker.stdin.write(json.dumps(request).encode() + b"\n")
    worker.stdin.flush()
    header_bytes, pcm_bytes = struct.unpack("<II", _read(worker.stdout, 8))
    return json.loads(_read(worker.stdout, header_bytes)), _read(worker.stdout, pcm_bytes)


def _read(stream: "IO[bytes]", count: int) -> bytes:
    raw = stream.read(count)
    if len(raw) < count:
        raise OSError("the worker's pipe broke off")
    return raw


def _voices() -> Mapping[str, EspeakVoice]:
    import espeakng_loader

    return read_voices(Path(espeakng_loader.get_data_path()))


def _clean_environment() -> dict[str, str]:
    """The worker handles other people's text with a C library: it is given none of our secrets."""
    return {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
