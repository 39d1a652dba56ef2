"""An HTTP server for files that misbehaves when told to: breaks off, lies about ranges, stands still."""

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

_RANGE = re.compile(r"bytes=(\d+)-")


@dataclass(frozen=True, slots=True)
class Conduct:
    """How one request is answered. The default is what an honest server does."""

    status: int | None = None
    """Answer with this and nothing else."""
    breaks_after_bytes: int | None = None
    """Of the body: then the connection closes, whatever Content-Length said."""
    stands_still: bool = False
    """Nothing follows the headers until the server closes."""
    honours_ranges: bool = True
    range_off_by: int = 0
    """The first byte sent is this much further than asked for."""
    says_length: bool = True
    body: bytes | None = None
    """Instead of the file's own bytes."""
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Asked:
    path: str
    range: str | None
    if_range: str | None
    sent_bytes: int


class FileServer:
    """`conducts` are used up one a request; after the last, requests are answered honestly."""

    def __init__(self, files: dict[str, bytes]) -> None:
        self.files = files
        self.conducts: list[Conduct] = []
        self.headers: dict[str, str] = {}
        self.asked: list[Asked] = []
        self.closing = threading.Event()
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), _handler_of(self))
        self._http.daemon_threads = True

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self._http.server_address[1]}/"

    @contextmanager
    def running(self) -> Iterator["FileServer"]:
        thread = threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield self
        finally:
            self.closing.set()
            self._http.shutdown()
            thread.join()
            self._http.server_close()

    def next_conduct(self) -> Conduct:
        return self.conducts.pop(0) if self.conducts else Conduct()


class _Handler(BaseHTTPRequestHandler):
    server_of_files: FileServer
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        server = self.server_of_files
        conduct = server.next_conduct()
        content = server.files.get(self.path.lstrip("/"))
        self.close_connection = True
        if conduct.status or content is None:
            self._answer(conduct.status or 404, conduct, b"", {})
            return
        content = content if conduct.body is None else conduct.body
        asked = _RANGE.fullmatch(self.headers.get("Range", "")) if conduct.honours_ranges else None
        changed = self.headers.get("If-Range") not in {None, server.headers.get("ETag")}
        if asked is None or changed:
            self._answer(200, conduct, content, server.headers)
        elif int(asked[1]) >= len(content):
            self._answer(416, conduct, b"", {"Content-Range": f"bytes */{len(content)}"})
        else:
            first = int(asked[1]) + conduct.range_off_by
            place = {"Content-Range": f"bytes {first}-{len(content) - 1}/{len(content)}"}
            self._answer(206, conduct, content[first:], server.headers | place)

    def _answer(self, status: int, conduct: Conduct, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in (headers | conduct.headers).items():
            self.send_header(name, value)
        if conduct.says_length:
            self.send_header("Content-Length", str(len(body)))
        self.send_header("Connection", "close")
        sent = body[: conduct.breaks_after_bytes] if conduct.breaks_after_bytes is not None else body
        if not conduct.stands_still:  # noted before the headers leave: a client may go once it has seen them
            self.server_of_files.asked.append(
                Asked(self.path, self.headers.get("Range"), self.headers.get("If-Range"), len(sent))
            )
        self.end_headers()
        if conduct.stands_still:
            self.wfile.flush()
            self.server_of_files.closing.wait()
            return
        with suppress(ConnectionError):  # the client may have heard enough
            self.wfile.write(sent)

    def log_message(self, *arguments: Any) -> None:
        """Silent."""


def _handler_of(server: FileServer) -> type[_Handler]:
    return type("Handler", (_Handler,), {"server_of_files": server})
