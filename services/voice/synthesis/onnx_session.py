"""An ONNX Runtime session whose runs can be stopped. Used by kokoro.py."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from services.voice.engines import EngineFailed
from services.voice.synthesis.interruption import stopped_by


class InterruptibleSession:
    """Passes for an `onnxruntime.InferenceSession`; thread-safe as that is."""

    def __init__(self, model: Path, threads: int) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        # threads that wait in a busy loop took half as much CPU again, from the recogniser among others
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self._new_run_options = onnxruntime.RunOptions
        self._session = onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
        self._call = threading.local()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._session, name)

    @contextmanager
    def interruptible(self, cancelled: threading.Event) -> Iterator[None]:
        """Runs that this thread makes in the block end soon after `cancelled` is set.

        They raise EngineFailed("cancelled"). Source: ONNX Runtime, RunOptions.terminate, looked at between
        two nodes of the graph.
        """
        self._call.cancelled = cancelled
        try:
            yield
        except Exception as exc:
            if cancelled.is_set():
                raise EngineFailed("cancelled") from exc
            raise
        finally:
            self._call.cancelled = None

    def run(self, outputs: Any, inputs: Any) -> Any:
        options = self._new_run_options()
        cancelled = getattr(self._call, "cancelled", None) or threading.Event()

        def stop() -> None:
            options.terminate = True

        with stopped_by(cancelled, stop):
            return self._session.run(outputs, inputs, options)
