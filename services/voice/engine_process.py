"""An engine in a process of its own: it can be killed in mid-sentence, and its crash is only its own.

The parent's side; engine_process_main.py is the child's. One request at a time. A worker that died is
replaced when it is next asked. A caller who goes leaves a worker that is still loading to finish that:
killed, it would begin again with every impatient caller and never be ready.
"""

import json
import os
import selectors
import struct
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

from services.voice.engines import EngineFailed

_MAIN = Path(__file__).with_name("engine_process_main.py")
_PASSED_ON = ("PATH", "LANG", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "SYSTEMROOT", "TMPDIR")
"""The worker handles other people's text with other people's code: it is given none of our secrets."""
_POLL_SECONDS = 0.05
_LENGTHS = struct.Struct("<II")
_HEADER_BYTES_MAX = 1 << 20
_PAYLOAD_BYTES_MAX = 1 << 27
_READ_BYTES = 1 << 18
GRACE_SECONDS = 0.7
"""How long a sentence whose caller has gone may take to end before the worker, and its model, is given up."""
Watch = Callable[[], None]
"""Called while waiting; ends the wait by raising."""


def engine_command(python: str | Path, script: Path, options: Mapping[str, Any]) -> Sequence[str]:
    """Isolated: neither this process's paths nor the user's packages reach the worker."""
    return (str(python), "-I", str(_MAIN), str(script), json.dumps(options))


class EngineProcess:
    """`start_seconds`: how long loading may take. Thread-safe."""

    def __init__(
        self,
        command: Sequence[str],
        *,
        start_seconds: float,
        environment: Mapping[str, str] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._command = command
        self._start_seconds = start_seconds
        self._environment = dict(environment or {})
        self._clock = clock
        self._child: _Child | None = None
        self._lock = threading.Lock()

    @property
    def pid(self) -> int | None:
        """Of the process that runs now, if one does."""
        child = self._child
        return child.process.pid if child is not None and child.alive else None

    def start(self) -> Mapping[str, Any]:
        """Waits until it is ready; what it then says about itself. Raises EngineFailed("load_failed")."""
        never = threading.Event()
        with self._turn(never):
            return self._ready(never).about or {}

    def ask(
        self, request: Mapping[str, Any], cancelled: threading.Event, payload: bytes = b""
    ) -> tuple[dict[str, Any], bytes]:
        """Header and payload of the answer; `payload` goes along with the request.

        Raises EngineFailed: `cancelled`, `died`, `load_failed`, `error`.
        """
        with self._turn(cancelled):
            child = self._ready(cancelled)
            if cancelled.is_set():
                raise EngineFailed("cancelled")
            try:
                header, payload = child.exchange(request, payload, self._until_cancelled(cancelled))
            except (OSError, ValueError) as exc:
                self._kill()
                raise EngineFailed("died", "its process ended in mid-sentence") from exc
        if "error" in header:
            raise EngineFailed("error", str(header["error"]))
        return header, payload

    def close(self) -> None:
        """At once, whatever it is doing; whoever waits for it is told that it died."""
        child = self._child
        if child is not None:
            child.process.kill()
        if self._lock.acquire(timeout=GRACE_SECONDS):  # its pipes are closed by who reads them
            self._kill()
            self._lock.release()

    @contextmanager
    def _turn(self, cancelled: threading.Event) -> Iterator[None]:
        while not self._lock.acquire(timeout=_POLL_SECONDS):
            if cancelled.is_set():
                raise EngineFailed("cancelled")
        try:
            yield
        finally:
            self._lock.release()

    def _ready(self, cancelled: threading.Event) -> "_Child":
        if self._child is None or not self._child.alive:
            self._kill()
            self._child = _Child(self._command, self._environment, started_at=self._clock())
        child = self._child
        if child.about is None:
            self._wait_until_ready(child, cancelled)
        return child

    def _wait_until_ready(self, child: "_Child", cancelled: threading.Event) -> None:
        def watch() -> None:
            if self._clock() - child.started_at > self._start_seconds:
                raise OSError(f"not ready after {self._start_seconds:g} s")
            if cancelled.is_set():
                raise EngineFailed("cancelled")

        try:
            about, _ = child.message(watch)
        except (OSError, ValueError) as exc:
            self._kill()
            raise EngineFailed("load_failed", f"its process did not start: {exc}") from exc
        if "error" in about:
            self._kill()
            raise EngineFailed("load_failed", str(about["error"]))
        child.about = about

    def _until_cancelled(self, cancelled: threading.Event) -> Watch:
        """The answer to a caller who has gone is waited for a moment, so that the worker can go on."""
        gone_at: list[float] = []

        def watch() -> None:
            if not cancelled.is_set():
                return
            gone_at.append(self._clock())
            if gone_at[-1] - gone_at[0] >= GRACE_SECONDS:
                self._kill()
                raise EngineFailed("cancelled")

        return watch

    def _kill(self) -> None:
        child, self._child = self._child, None
        if child is not None:
            child.kill()


class _Child:
    """One process and what came out of it so far."""

    def __init__(self, command: Sequence[str], environment: Mapping[str, str], *, started_at: float) -> None:
        inherited = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**inherited, **environment},
            bufsize=0,
        )
        self.started_at = started_at
        self.about: Mapping[str, Any] | None = None
        """None until it is ready."""
        os.set_blocking(self._pipe(self.process.stdin).fileno(), False)
        self._received = bytearray()
        self._output = selectors.DefaultSelector()
        self._output.register(self._pipe(self.process.stdout), selectors.EVENT_READ)

    @property
    def alive(self) -> bool:
        return self.process.poll() is None

    def exchange(
        self, request: Mapping[str, Any], payload: bytes, watch: Watch
    ) -> tuple[dict[str, Any], bytes]:
        line = json.dumps({**request, "payload_bytes": len(payload)}).encode() + b"\n"
        self._send(line + payload, watch)
        return self.message(watch)

    def message(self, watch: Watch) -> tuple[dict[str, Any], bytes]:
        """The next one; what has come of it stays when `watch` ends the wait. Raises OSError, ValueError."""
        while (message := self._taken()) is None:
            self._receive(watch)
        return message

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()
        self._output.close()
        for stream in (self.process.stdin, self.process.stdout):
            with suppress(OSError):
                self._pipe(stream).close()

    def _send(self, message: bytes, watch: Watch) -> None:
        """A pipe holds 64 KiB: a worker that does not read must not hold up a caller who goes."""
        unsent = memoryview(message)
        with selectors.DefaultSelector() as writable:
            writable.register(self._pipe(self.process.stdin), selectors.EVENT_WRITE)
            while unsent:
                watch()
                if writable.select(_POLL_SECONDS):
                    unsent = unsent[os.write(self._pipe(self.process.stdin).fileno(), unsent) :]

    def _taken(self) -> tuple[dict[str, Any], bytes] | None:
        if len(self._received) < _LENGTHS.size:
            return None
        header_bytes, payload_bytes = _LENGTHS.unpack_from(self._received)
        if header_bytes > _HEADER_BYTES_MAX or payload_bytes > _PAYLOAD_BYTES_MAX:
            raise OSError("this is no worker of ours")
        header_end = _LENGTHS.size + header_bytes
        end = header_end + payload_bytes
        if len(self._received) < end:
            return None
        header = json.loads(self._received[_LENGTHS.size : header_end])
        payload = bytes(self._received[header_end:end])
        del self._received[:end]
        return header, payload

    def _receive(self, watch: Watch) -> None:
        watch()
        if self._output.select(_POLL_SECONDS):
            raw = os.read(self._pipe(self.process.stdout).fileno(), _READ_BYTES)
            if not raw:
                raise OSError("its output ended")
            self._received += raw

    @staticmethod
    def _pipe(stream: IO[bytes] | None) -> IO[bytes]:
        if stream is None:
            raise OSError("no pipe")
        return stream
