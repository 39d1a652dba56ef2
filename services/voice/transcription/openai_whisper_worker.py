"""Hears with openai-whisper, in a child process: run by engine_process_main.py, started by openai_whisper.py.

Imports nothing of ours: the interpreter is that of an environment of its own.
"""

import math
from typing import Any

import numpy as np
import torch
import whisper

Message = tuple[dict[str, Any], bytes]
_TEMPERATURES = (0.0, 0.4, 0.8)


class Recognizer:
    def __init__(self, options: dict[str, Any]) -> None:
        if options["threads"]:
            torch.set_num_threads(options["threads"])
        self._model = whisper.load_model(options["checkpoint"], device=options["device"])
        self._beam_size = options["beam_size"]

    def about(self) -> dict[str, Any]:
        return {"multilingual": bool(self._model.is_multilingual)}

    def speak(self, request: dict[str, Any], payload: bytes) -> Message:
        """`payload`: mono float32 at 16 kHz, at most 30 s of it. The answer's header has the segments."""
        found = whisper.transcribe(
            self._model,
            np.frombuffer(payload, dtype="<f4").astype(np.float32),
            language=request["language"] if self._model.is_multilingual else "en",
            temperature=_TEMPERATURES,
            beam_size=self._beam_size if self._beam_size > 1 else None,
            word_timestamps=request["word_timestamps"],
            condition_on_previous_text=False,
            sample_len=request["max_tokens"],
            fp16=self._model.device.type == "cuda",
            verbose=None,
        )
        segments = [_segment(segment) for segment in found["segments"] if segment["text"].strip()]
        return {"language": found["language"], "segments": segments}, b""


def _segment(segment: dict[str, Any]) -> dict[str, Any]:
    return {
        "start": float(segment["start"]),
        "end": float(segment["end"]),
        "text": segment["text"].strip(),
        "confidence": round(math.exp(min(0.0, segment["avg_logprob"])), 3),
        "words": [_word(word) for word in segment.get("words", ())],
    }


def _word(word: dict[str, Any]) -> dict[str, Any]:
    return {
        "start": float(word["start"]),
        "end": float(word["end"]),
        "word": word["word"].strip(),
        "probability": round(float(word["probability"]), 3),
    }


def build(options: dict[str, Any]) -> Recognizer:
    return Recognizer(options)
