"""eSpeak NG: a plain voice in a hundred languages, at once. An adapter; speaks in a child process."""

import importlib.util
import json
import struct
import subprocess
import sys
import threading
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO

import numpy as np

from services.voice.engines import AVAILABLE, Availability, EngineFailed
from services.voice.synthesis.engine import Speech, SpeechRequest, Voice
from services.voice.synthesis.tempo import stretched

_COMMAND = (sys.executable, "-m", "services.voice.synthesis.espeak_worker")
_ROOT = Path(__file__).resolve().parents[3]
_OWN_SPEEDS = (0.5, 2.5)
_POLL_SECONDS = 0.1


class EspeakEngine:
    name = "espeak"
    model: str | None = "espeak-ng"

    def __init__(self, command: Sequence[str] = _COMMAND) -> None:
        self._command = command
        self._worker: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()
        self._languages = _languages() if self.installed else {}

    @property
    def installed(self) -> bool:
        return importlib.util.find_spec("espeakng_loader") is not None

    def availability(self, voice: str, language: str) -> Availability:
        if not self.installed:
            return Availability(False, "not_installed", "eSpeak needs the package espeakng-loader.")
        if self._language(voice, language) is None:
            return Availability(False, "unsupported_language", f"eSpeak does not speak {language}.")
        return AVAILABLE

    def voices(self) -> Sequence[Voice]:
        return [Voice(f"espeak-{code}", name, code, self.name) for code, name in self._languages.items()]

    def load(self) -> None:
        with self._lock:
            self._running_worker()

    def close(self) -> None:
        if self._worker is not None:
            self._kill(self._worker)

    def synthesize(self, request: SpeechRequest, cancelled: threading.Event) -> Speech:
        """A worker that hangs is killed as soon as `cancelled` is set; the next sentence has a new one."""
        language = self._language(request.voice, request.language)
        if language is None:
            raise EngineFailed("unsupported_language")
        own_speed = min(max(request.speed, _OWN_SPEEDS[0]), _OWN_SPEEDS[1])
        with self._lock:
            samples, rate_hz = self._ask(request.text, language, own_speed, cancelled)
        return Speech(stretched(samples, rate_hz, request.speed / own_speed), rate_hz)

    def _ask(
        self, text: str, language: str, speed: float, cancelled: threading.Event
    ) -> tuple[np.ndarray[tuple[int], np.dtype[np.float32]], int]:
        worker = self._running_worker()
        answered = threading.Event()
        threading.Thread(target=self._guard, args=(worker, answered, cancelled), daemon=True).start()
        try:
            header, pcm = _exchange(worker, {"text": text, "voice": language, "speed": speed})
        except (OSError, struct.error, ValueError) as exc:
            self._kill(worker)
            raise EngineFailed("cancelled" if cancelled.is_set() else "died") from exc
        finally:
            answered.set()
        if "error" in header:
            raise EngineFailed("error", str(header["error"]))
        return np.frombuffer(pcm, dtype="<i2").astype(np.float32) / 32768.0, int(
            str(header["sample_rate_hz"])
        )

    def _guard(
        self, worker: "subprocess.Popen[bytes]", answered: threading.Event, cancelled: threading.Event
    ) -> None:
        while not answered.wait(_POLL_SECONDS):
            if cancelled.is_set():
                self._kill(worker)
                return

    def _running_worker(self) -> "subprocess.Popen[bytes]":
        if self._worker is None or self._worker.poll() is not None:
            pipe = subprocess.PIPE
            self._worker = subprocess.Popen(
                self._command, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL, cwd=_ROOT
            )
        return self._worker

    def _kill(self, worker: "subprocess.Popen[bytes]") -> None:
        worker.kill()
        worker.wait()
        for stream in (worker.stdin, worker.stdout):
            if stream is not None:
                with suppress(OSError):
                    stream.close()

    def _language(self, voice: str, language: str) -> str | None:
        wanted = voice.removeprefix("espeak-") if voice.startswith("espeak-") else language
        lowered = wanted.lower().replace("_", "-")
        return next((code for code in (lowered, lowered.split("-")[0]) if code in self._languages), None)


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


def _languages() -> dict[str, str]:
    """Code → name, out of the data folder's language files. Source: espeak-ng, docs/voices.md."""
    import espeakng_loader

    found: dict[str, str] = {}
    for file in Path(espeakng_loader.get_data_path(), "lang").rglob("*"):
        if file.is_file():
            name, codes = _language_file(file.read_text(errors="replace"))
            found.update(dict.fromkeys(codes, name))
    return dict(sorted(found.items()))


def _language_file(text: str) -> tuple[str, list[str]]:
    name, codes = "", []
    for line in text.splitlines():
        key, _, value = line.partition(" ")
        if key == "name":
            name = value.strip()
        elif key == "language" and value.strip():
            codes.append(value.split()[0].lower())
    return name, codes
