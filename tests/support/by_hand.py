"""An upload by hand: no client library leaves in mid-request on command, nor is as quick to be measured."""

import socket
from collections.abc import Callable
from urllib.parse import urlsplit

from tests.support.caddy import wait_until
from tests.support.local_stack import LocalStack
from tests.support.voice_caller import TRANSCRIBE

_BOUNDARY = "of-the-form"
_WAIT_SECONDS = 120.0
"""Only ever reached when something is wrong."""


def left_in_mid_request(
    stack: LocalStack, audio: bytes, *, until: Callable[[], bool], request_id: str = "left-in-mid-request"
) -> None:
    """Sends the file through the gateway, waits for `until`, and closes the connection without an answer."""
    port = urlsplit(stack.base_url).port or 80
    with socket.create_connection(("127.0.0.1", port), timeout=_WAIT_SECONDS) as connection:
        connection.sendall(upload_request(stack, audio, request_id))
        wait_until(until, _WAIT_SECONDS)


def upload_request(stack: LocalStack, audio: bytes, request_id: str = "by-hand") -> bytes:
    """A whole request for a transcription, ready to be sent; the connection closes after it."""
    body = _form(audio)
    lines = [
        f"POST {TRANSCRIBE} HTTP/1.1",
        f"Host: {urlsplit(stack.base_url).netloc}",
        f"Authorization: Bearer {stack.token()}",
        f"X-Request-ID: {request_id}",
        f"Content-Type: multipart/form-data; boundary={_BOUNDARY}",
        f"Content-Length: {len(body)}",
        "Connection: close",
    ]
    return "\r\n".join([*lines, "", ""]).encode() + body


def _form(audio: bytes) -> bytes:
    head = f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="audio"; filename="a.wav"\r\n\r\n'
    return head.encode() + audio + f"\r\n--{_BOUNDARY}--\r\n".encode()
