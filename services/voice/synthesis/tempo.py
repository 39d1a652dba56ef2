"""Changes the pace of speech and not its pitch, for engines whose own range is narrower than the API's."""

import av
import numpy as np
from av.filter import Graph
from numpy.typing import NDArray


def stretched(samples: NDArray[np.float32], sample_rate_hz: int, factor: float) -> NDArray[np.float32]:
    """Mono float32, shape (n / factor,). Source: FFmpeg's `atempo`, good from 0.5 to 2, so twice beyond."""
    if abs(factor - 1.0) < 1e-3 or samples.size == 0:
        return samples
    graph = Graph()
    source = graph.add_abuffer(format="flt", sample_rate=sample_rate_hz, layout="mono", time_base=None)
    steps = [factor] if 0.5 <= factor <= 2.0 else [factor**0.5] * 2
    filters = [graph.add("atempo", f"{step:.4f}") for step in steps]
    graph.link_nodes(source, *filters, graph.add("abuffersink")).configure()
    frame = av.AudioFrame.from_ndarray(samples.reshape(1, -1), format="flt", layout="mono")
    frame.sample_rate = sample_rate_hz
    graph.push(frame)
    graph.push(None)
    return np.concatenate([np.zeros(0, np.float32), *_pulled(graph)])


def _pulled(graph: Graph) -> list[NDArray[np.float32]]:
    chunks: list[NDArray[np.float32]] = []
    while True:
        try:
            chunks.append(graph.pull().to_ndarray().reshape(-1).astype(np.float32))
        except (av.error.EOFError, av.error.BlockingIOError):
            return chunks
