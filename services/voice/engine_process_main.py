"""The child's side of a worker process: answers the requests of engine_process.py until its input ends.

Run as a file, isolated, by whichever interpreter has the engine's packages: it imports nothing of ours. Its
arguments are the engine's script, whose `build(options)` gives a speaker, and the options as JSON.

A message on standard output is two lengths (uint32, little endian), a JSON header and a payload. The first
one says that the speaker is ready, or why not; then follows one for each request on standard input: a line of
JSON, and after it as many bytes as its `payload_bytes` says.
"""

import json
import os
import runpy
import struct
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any, BinaryIO, Protocol

_PARENT_POLL_SECONDS = 1.0
_ERROR_CHARACTERS_MAX = 300


Message = tuple[dict[str, Any], bytes]


class Speaker(Protocol):
    """What an engine's script builds. A recogniser's answers are text, in the header."""

    def about(self) -> dict[str, Any]:
        """What the parent learns when the speaker is ready."""
        ...

    def speak(self, request: dict[str, Any], payload: bytes) -> Message:
        """Header and payload of the answer. Raises ValueError or OSError for what cannot be done."""
        ...


def serve(build: Callable[[], Speaker], requests: BinaryIO, replies: BinaryIO) -> None:
    try:
        speaker = build()
        about = speaker.about()
    except Exception as exc:  # whatever a model's loader raises, the parent has to hear of it
        _send(replies, {"error": _described(exc)})
        return
    _send(replies, about)
    for request, sent in _messages(requests):
        try:
            header, payload = speaker.speak(request, sent)
        except Exception as exc:  # a sentence that cannot be spoken does not cost the loaded model
            header, payload = {"error": _described(exc)}, b""
        _send(replies, header, payload)


def _messages(requests: BinaryIO) -> Iterator[Message]:
    for line in requests:
        request = json.loads(line)
        yield request, requests.read(request.pop("payload_bytes", 0))


def _send(replies: BinaryIO, header: dict[str, Any], payload: bytes = b"") -> None:
    encoded = json.dumps(header).encode()
    replies.write(struct.pack("<II", len(encoded), len(payload)) + encoded + payload)
    replies.flush()


def _described(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"[:_ERROR_CHARACTERS_MAX]


def _end_with_parent(parent: int) -> None:
    """A parent that was killed closes the input, but a worker in mid-sentence does not see that."""
    while os.getppid() == parent:
        time.sleep(_PARENT_POLL_SECONDS)
    os._exit(1)


def _own_standard_output() -> BinaryIO:
    """Libraries print to standard output: they get standard error instead."""
    replies_fd = os.dup(1)
    os.dup2(2, 1)
    return os.fdopen(replies_fd, "wb")


if __name__ == "__main__":
    script, options = sys.argv[1:]
    with _own_standard_output() as out:
        threading.Thread(target=_end_with_parent, args=(os.getppid(),), daemon=True).start()
        serve(lambda: runpy.run_path(script)["build"](json.loads(options)), sys.stdin.buffer, out)
