"""Speaks with libespeak-ng, in a child process: run by engine_process_main.py, started by espeak.py.

The library is C with global state and is used a second time, by Kokoro's phonemizer; in a process of its own
it can crash or hang without taking the service along. Imports nothing of ours.
"""

import ctypes
from typing import Any

import espeakng_loader

_AUDIO_OUTPUT_SYNCHRONOUS = 2
_DONT_EXIT = 0x8000
_CHARS_UTF8 = 1
_RATE, _EE_OK = 1, 0
_BUFFER_MS = 200
_DEFAULT_WORDS_PER_MINUTE = 165
_CALLBACK = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p)


class Library:
    """libespeak-ng, in its synchronous mode. Source: espeak-ng's speak_lib.h."""

    def __init__(self) -> None:
        self._lib = ctypes.CDLL(espeakng_loader.get_library_path())
        data_path = espeakng_loader.get_data_path().encode()
        rate = self._lib.espeak_Initialize(_AUDIO_OUTPUT_SYNCHRONOUS, _BUFFER_MS, data_path, _DONT_EXIT)
        if rate <= 0:
            raise OSError("espeak_Initialize failed")
        self.sample_rate_hz = int(rate)
        self._pcm = bytearray()
        self._callback = _CALLBACK(self._collect)  # must outlive every call
        self._lib.espeak_SetSynthCallback(self._callback)

    def about(self) -> dict[str, Any]:
        return {"sample_rate_hz": self.sample_rate_hz}

    def speak(self, request: dict[str, Any], _: bytes) -> tuple[dict[str, Any], bytes]:
        """PCM16. `request`: text, voice (a file's name), speed. The text is plain: no SSML, no phonemes."""
        return self.about(), self._speak(request["text"], request["voice"], request["speed"])

    def _speak(self, text: str, voice: str, speed: float) -> bytes:
        self._pcm.clear()
        if self._lib.espeak_SetVoiceByName(voice.encode()) != _EE_OK:
            raise ValueError(f"no such voice: {voice}")
        words_per_minute = round(min(450, max(80, _DEFAULT_WORDS_PER_MINUTE * speed)))
        self._lib.espeak_SetParameter(_RATE, words_per_minute, 0)
        raw = text.replace("\0", " ").encode() + b"\0"
        done = self._lib.espeak_Synth(raw, ctypes.c_size_t(len(raw)), 0, 0, 0, _CHARS_UTF8, None, None)
        if done != _EE_OK:
            raise OSError("espeak_Synth failed")
        return bytes(self._pcm)

    def _collect(self, samples: Any, count: int, _: Any) -> int:
        if samples and count > 0:
            self._pcm += ctypes.string_at(samples, count * 2)
        return 0


def build(_: dict[str, Any]) -> Library:
    return Library()
