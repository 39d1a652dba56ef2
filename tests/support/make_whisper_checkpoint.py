"""Writes an openai-whisper checkpoint: `python make_whisper_checkpoint.py CTRANSLATE2_FOLDER CHECKPOINT.pt`.

The weights are those of a CTranslate2 model, under the names that openai-whisper gives them. Run in the
environment with torch. Source: CTranslate2, model_spec.py (binary version 6); openai-whisper, model.py.
"""

import struct
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch

Tensors = dict[str, np.ndarray]
_FLOAT16 = 4
_HEAD_DIMENSIONS = 64


def tensors(model: Path) -> Tensors:
    """The float16 variables of a model.bin, as float32."""
    raw = model.read_bytes()
    reader = _Reader(raw)
    reader.number("I"), reader.text(), reader.number("I")  # versions, the name of the specification
    found: Tensors = {}
    for _ in range(reader.number("I")):
        name = reader.text()
        shape = [reader.number("I") for _ in range(reader.number("B"))]
        kind, size = reader.number("B"), reader.number("I")
        content = reader.take(size)
        if kind == _FLOAT16:
            found[name] = np.frombuffer(content, "<f2").astype(np.float32).reshape(shape)
    return found


class _Reader:
    def __init__(self, raw: bytes) -> None:
        self._raw = raw
        self._at = 0

    def take(self, size: int) -> bytes:
        self._at += size
        return self._raw[self._at - size : self._at]

    def number(self, form: str) -> int:
        return int(struct.unpack(f"<{form}", self.take(struct.calcsize(f"<{form}")))[0])

    def text(self) -> str:
        return self.take(self.number("H")).split(b"\0")[0].decode()


def state(found: Tensors) -> Tensors:
    renamed: Tensors = {}
    for name, values in found.items():
        for new_name, part in _renamed(name, values):
            renamed[new_name] = part
    return renamed


def _renamed(name: str, values: np.ndarray) -> Iterator[tuple[str, np.ndarray]]:
    side, _, rest = name.partition("/")
    rest, _, kind = rest.rpartition("/")
    if kind == "encodings":
        yield f"{side}.positional_embedding", values
    elif rest == "embeddings":
        yield "decoder.token_embedding.weight", values
    elif rest.startswith("conv"):
        yield f"{side}.{rest}.{kind}", values
    elif rest == "layer_norm":
        yield f"{side}.{'ln_post' if side == 'encoder' else 'ln'}.{_norm(kind)}", values
    elif rest.startswith("layer_"):
        layer, _, part = rest.partition("/")
        yield from _of_block(f"{side}.blocks.{layer.removeprefix('layer_')}", part, kind, values)


def _of_block(block: str, part: str, kind: str, values: np.ndarray) -> Iterator[tuple[str, np.ndarray]]:
    where, _, what = part.partition("/")
    if where == "ffn":
        name = "mlp_ln" if what == "layer_norm" else {"linear_0": "mlp.0", "linear_1": "mlp.2"}[what]
        yield f"{block}.{name}.{_norm(kind)}", values
        return
    attention = f"{block}.{'attn' if where == 'self_attention' else 'cross_attn'}"
    if what == "layer_norm":
        yield f"{attention}_ln.{_norm(kind)}", values
        return
    fused = {
        ("self_attention", "linear_0"): ("query", "key", "value"),
        ("self_attention", "linear_1"): ("out",),
        ("attention", "linear_0"): ("query",),
        ("attention", "linear_1"): ("key", "value"),
        ("attention", "linear_2"): ("out",),
    }[where, what]
    for projection, piece in zip(fused, np.split(values, len(fused)), strict=True):
        if not (projection == "key" and kind == "bias"):  # Whisper's keys have none
            yield f"{attention}.{projection}.{kind}", piece


def _norm(kind: str) -> str:
    return {"gamma": "weight", "beta": "bias"}.get(kind, kind)


def dimensions(weights: Tensors) -> dict[str, int]:
    audio, text = weights["encoder.positional_embedding"], weights["decoder.positional_embedding"]
    layers = {name.split(".")[2] for name in weights if name.startswith("encoder.blocks.")}
    size = audio.shape[1]
    return {
        "n_mels": weights["encoder.conv1.weight"].shape[1],
        "n_audio_ctx": audio.shape[0],
        "n_audio_state": size,
        "n_audio_head": size // _HEAD_DIMENSIONS,
        "n_audio_layer": len(layers),
        "n_vocab": weights["decoder.token_embedding.weight"].shape[0],
        "n_text_ctx": text.shape[0],
        "n_text_state": size,
        "n_text_head": size // _HEAD_DIMENSIONS,
        "n_text_layer": len(layers),
    }


if __name__ == "__main__":
    source, target = Path(sys.argv[1]), Path(sys.argv[2])
    weights = state(tensors(source / "model.bin"))
    target.parent.mkdir(parents=True, exist_ok=True)
    state_dict = {name: torch.from_numpy(values.copy()) for name, values in weights.items()}
    torch.save({"dims": dimensions(weights), "model_state_dict": state_dict}, target)
