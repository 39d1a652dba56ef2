"""Speaks with the Coqui TTS library, in a child process: run by engine_process_main.py, started by coqui.py.

Imports nothing of ours: the interpreter is that of an environment of its own.
"""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from TTS.utils.synthesizer import PAD_SILENCE_SAMPLES, Synthesizer

Message = tuple[dict[str, Any], bytes]


class Model:
    def __init__(self, options: dict[str, Any]) -> None:
        if options["threads"]:
            torch.set_num_threads(options["threads"])
        folder = Path(options["folder"])
        self._synthesizer = Synthesizer(
            tts_checkpoint=folder / "model.pth",
            tts_config_path=folder / "config.json",
            use_cuda=options["device"] == "cuda",
        )
        manager = getattr(self._synthesizer.tts_model, "speaker_manager", None)
        self._speakers = list(getattr(manager, "speaker_names", None) or ())

    def about(self) -> dict[str, Any]:
        return {"speakers": self._speakers}

    def speak(self, request: dict[str, Any], _: bytes) -> Message:
        """Mono float32, little endian. `request`: text; speaker and language, or None for the only one."""
        with torch.inference_mode():
            samples = self._synthesizer.tts(
                request["text"],
                speaker_name=request["speaker"] or (self._speakers[0] if self._speakers else None),
                language_name=request["language"],
                split_sentences=False,
            )
        spoken = np.asarray(samples[:-PAD_SILENCE_SAMPLES], dtype="<f4")
        return {"sample_rate_hz": int(self._synthesizer.output_sample_rate)}, spoken.tobytes()


def build(options: dict[str, Any]) -> Model:
    return Model(options)
