"""Fetches one file over HTTP: resumed where it broke off, checked, and named only when it is whole."""

import re
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from urllib.parse import urlsplit

import httpx

from services.models.errors import DiskFull, NotOffered, SourceFailed, Unreachable, WrongContent
from services.models.progress import Reporter, Transfer
from services.models.staging import disk_full_said, sha256_of

_FAILURES_MAX = 4
_PROGRESS_BYTES = 1 << 20
_PAUSE_SECONDS_MAX = 30.0
_RETRIED = {408, 429, 500, 502, 503, 504}
_CONTENT_RANGE = re.compile(r"bytes (?P<first>\d+)-\d+/(?P<total>\d+|\*)")


@dataclass(frozen=True, slots=True)
class Wanted:
    """`bytes` and `sha256` are None where nobody has published them."""

    url: str
    label: str
    bytes: int | None = None
    sha256: str | None = None

    @property
    def host(self) -> str:
        return urlsplit(self.url).hostname or self.url


class _Broken(Exception):
    """The transfer stopped; another attempt may bring the rest."""

    def __init__(self, reason: str, *, pause_seconds: float = 0.0) -> None:
        super().__init__(reason)
        self.pause_seconds = pause_seconds


class Downloader:
    """Remembers, for as long as it lives, which hosts gave no connection."""

    def __init__(
        self, client: httpx.Client, reporter: Reporter, *, pause: Callable[[float], None] = time.sleep
    ) -> None:
        self._client = client
        self._reporter = reporter
        self._pause = pause
        self._unreachable: dict[str, str] = {}

    def fetch(self, wanted: Wanted, to: Path) -> str:
        """The SHA-256 of the file, which is then at `to`; until it is whole it is `<to>.part`.

        Raises Unreachable, NotOffered, WrongContent, SourceFailed or DiskFull. A part that is worth going on
        with stays for the next call; wrong bytes, and what a full disk left, do not.
        """
        if wanted.sha256 and to.is_file() and sha256_of(to) == wanted.sha256:
            return wanted.sha256
        if wanted.host in self._unreachable:
            raise Unreachable(wanted.host, self._unreachable[wanted.host], already_said=True)
        try:
            return self._fetch_checked(wanted, to)
        except Unreachable as error:
            self._unreachable.update({wanted.host: error.reason, error.host: error.reason})
            raise

    def _fetch_checked(self, wanted: Wanted, to: Path) -> str:
        part = to.with_name(to.name + ".part")
        if wanted.sha256 is None:  # nothing could tell whether the rest belongs to the beginning
            part.unlink(missing_ok=True)
        while True:
            left_over = _size(part)
            self._fill(wanted, part)
            sha256 = sha256_of(part)
            if wanted.sha256 in {None, sha256}:
                part.replace(to)
                return sha256
            part.unlink()
            if not left_over:  # else the beginning was to blame, or may have been: once more, from nothing
                raise WrongContent(f"{wanted.host} gives other bytes than the manifest says")

    def _fill(self, wanted: Wanted, part: Path) -> None:
        with self._reporter.transfer(wanted.label) as transfer:
            attempt = _Attempts(self._client, wanted, part, transfer)
            failures = 0
            while not attempt.complete:
                before = _size(part)
                try:
                    attempt.go_on()
                except _Broken as broken:
                    failures = 0 if _size(part) - before >= _PROGRESS_BYTES else failures + 1
                    if failures == _FAILURES_MAX:
                        raise SourceFailed(
                            f"the transfer from {wanted.host} broke off ({broken})"
                        ) from broken
                    self._pause(max(broken.pause_seconds, 2.0**failures - 1))


class _Attempts:
    """The requests that bring one file, each going on where the last one stopped."""

    def __init__(self, client: httpx.Client, wanted: Wanted, part: Path, transfer: Transfer) -> None:
        self._client = client
        self._wanted = wanted
        self._part = part
        self._transfer = transfer
        self._validator: str | None = None
        self._connected = False
        self.complete = wanted.bytes is not None and _size(part) == wanted.bytes
        transfer.at(_size(part), wanted.bytes)

    def go_on(self) -> None:
        try:
            self._request()
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.ProxyError) as error:
            if self._connected:
                raise _Broken(_reason(error)) from error
            raise Unreachable(error.request.url.host, _reason(error)) from error
        except httpx.TransportError as error:
            raise _Broken(_reason(error)) from error
        except httpx.RequestError as error:
            raise NotOffered(f"{self._wanted.host}: {_reason(error)}") from error
        except (DiskFull, WrongContent):
            self._part.unlink(missing_ok=True)
            raise

    def _request(self) -> None:
        first = self._first_byte_wanted()
        headers = {"Accept-Encoding": "identity"}
        if first:
            headers |= {"Range": f"bytes={first}-"} | (
                {"If-Range": self._validator} if self._validator else {}
            )
        with self._client.stream("GET", self._wanted.url, headers=headers) as response:
            self._connected = True
            self._refuse(response)
            self._receive(response, first)

    def _first_byte_wanted(self) -> int:
        """0 where what is there is too long, or nothing tells whether the rest would belong to it."""
        size, wanted = _size(self._part), self._wanted
        too_long = wanted.bytes is not None and size > wanted.bytes
        return 0 if too_long or not (wanted.sha256 or self._validator) else size

    def _refuse(self, response: httpx.Response) -> None:
        host, status = response.url.host, response.status_code
        if status == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
            self._part.unlink(missing_ok=True)
            raise _Broken("the server has less than is here")
        if status in _RETRIED:
            raise _Broken(f"status {status}", pause_seconds=_retry_after_seconds(response))
        if status not in {HTTPStatus.OK, HTTPStatus.PARTIAL_CONTENT}:
            raise NotOffered(f"{host} answers {status}")
        if response.headers.get("Content-Encoding", "identity") != "identity":
            raise NotOffered(f"{host} sends the file encoded")
        if self._wanted.url.startswith("https:") and response.url.scheme != "https":
            raise NotOffered(f"{host} would send the file without encryption")

    def _receive(self, response: httpx.Response, first_wanted: int) -> None:
        first, total = _offered(response)
        if first not in {0, first_wanted}:
            self._part.unlink(missing_ok=True)
            raise _Broken("the server answers with another range")
        expected = self._wanted.bytes
        if expected and total and total != expected:
            raise WrongContent(f"{self._wanted.host} has {total} bytes where the manifest says {expected}")
        self._validator = _validator(response)
        done = self._append(response, first, expected or total)
        if expected and done < expected:
            raise _Broken("it ended early")
        self.complete = True

    def _append(self, response: httpx.Response, first: int, total: int | None) -> int:
        done = first
        self._part.parent.mkdir(parents=True, exist_ok=True)
        with disk_full_said(self._part.parent), self._part.open("ab" if first else "wb") as stream:
            for chunk in response.iter_raw():  # unsized: httpx loses a sized chunk that a break cuts short
                stream.write(chunk)
                done += len(chunk)
                if total and done > total:
                    raise WrongContent(f"{self._wanted.host} gives more bytes than the manifest says")
                self._transfer.at(done, total)
        return done


def _offered(response: httpx.Response) -> tuple[int, int | None]:
    """First byte of the body within the file, and the whole file's length where the server says it."""
    if response.status_code == HTTPStatus.PARTIAL_CONTENT:
        given = _CONTENT_RANGE.fullmatch(response.headers.get("Content-Range", ""))
        if given is None:
            return -1, None
        return int(given["first"]), None if given["total"] == "*" else int(given["total"])
    length = response.headers.get("Content-Length", "")
    return 0, int(length) if length.isdecimal() else None


def _validator(response: httpx.Response) -> str | None:
    """What If-Range takes: a strong entity tag, or else the date. Source: RFC 9110, 13.1.5."""
    tag: str = response.headers.get("ETag", "")
    if tag and not tag.startswith("W/"):
        return tag
    date: str | None = response.headers.get("Last-Modified")
    return date


def _retry_after_seconds(response: httpx.Response) -> float:
    with suppress(ValueError):
        return min(float(response.headers.get("Retry-After", "")), _PAUSE_SECONDS_MAX)
    return 0.0


def _reason(error: httpx.RequestError) -> str:
    if isinstance(error, httpx.ConnectTimeout):
        return "no connection in time"
    if isinstance(error, httpx.ReadTimeout):
        return "it stood still"
    return re.sub(r"^\[Errno -?\d+\] ", "", str(error)) or type(error).__name__


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0
