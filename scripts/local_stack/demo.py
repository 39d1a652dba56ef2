"""`./scripts/demo`: says a sentence through the gateway, hears it back, and tells who did what."""

import re
import time
from argparse import Namespace
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from scripts.local_stack.tokens import CannotSign
from scripts.local_stack.visiting import own_token, running_url

SENTENCE = "Good morning. The kettle is on, and there is bread and honey on the table."
_TOKEN_SECONDS = 600
_ANSWER_SECONDS = 120.0
_WORDS_THAT_MUST_RETURN = 0.5


class Failed(Exception):
    """A step that did not work, in a sentence."""


@dataclass(frozen=True, slots=True)
class Spoken:
    audio: bytes
    headers: Mapping[str, str]
    seconds: float


@dataclass(frozen=True, slots=True)
class Heard:
    body: Mapping[str, Any]
    seconds: float


def demo(options: Namespace, console: Console) -> int:
    base_url = (options.base_url or running_url()).rstrip("/")
    try:
        headers = {"Authorization": f"Bearer {options.token or own_token('demo', _TOKEN_SECONDS)}"}
        with httpx.Client(base_url=base_url, headers=headers, timeout=_ANSWER_SECONDS) as client:
            return _conversation(client, options.text, console)
    except (Failed, CannotSign) as failure:
        console.print(Text.assemble(("✗ ", "red"), str(failure)), soft_wrap=True)
        return 1


def _conversation(client: httpx.Client, text: str, console: Console) -> int:
    with console.status("Speaking …"):
        spoken = _speak(client, text)
    with console.status("Hearing …"):
        heard = _hear(client, spoken.audio)
    share = shared_words(text, str(heard.body["text"]))
    _show(text, spoken, heard, console)
    good = share >= _WORDS_THAT_MUST_RETURN
    mark, style = ("✓", "green") if good else ("✗", "red")
    console.print(f"\n[{style}]{mark}[/] {share:.0%} of the words came back.", highlight=False)
    return 0 if good else 1


def _speak(client: httpx.Client, text: str) -> Spoken:
    started = time.perf_counter()
    answer = _call(client, "/api/v1/voice/tts/synthesize", json={"text": text})
    return Spoken(answer.content, answer.headers, time.perf_counter() - started)


def _hear(client: httpx.Client, audio: bytes) -> Heard:
    started = time.perf_counter()
    files = {"audio": ("sentence.wav", audio, "audio/wav")}
    answer = _call(client, "/api/v1/voice/stt/transcribe", files=files)
    return Heard(answer.json(), time.perf_counter() - started)


def _call(client: httpx.Client, path: str, **options: Any) -> httpx.Response:
    try:
        answer = client.post(path, **options)
    except httpx.ConnectError as exc:
        raise Failed(f"Nothing answers at {client.base_url}. Start it: ./scripts/up") from exc
    except httpx.TransportError as exc:
        raise Failed(f"{path}: {type(exc).__name__}") from exc
    if answer.is_error:
        raise Failed(f"{path}: {answer.status_code} {_detail(answer)}")
    return answer


def _detail(answer: httpx.Response) -> str:
    try:
        problem = answer.json()
        return f"{problem['detail']} (request id {problem.get('request_id', 'unknown')})"
    except (ValueError, KeyError, TypeError):
        return answer.reason_phrase


def _show(text: str, spoken: Spoken, heard: Heard, console: Console) -> None:
    table = Table(box=None, pad_edge=False, show_header=False, padding=(0, 2, 0, 0))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in (*_speech_rows(text, spoken), ("", ""), *_hearing_rows(heard)):
        table.add_row(name, escape(value))
    console.print()
    console.print(table)


def _speech_rows(text: str, spoken: Spoken) -> list[tuple[str, str]]:
    headers = spoken.headers
    rate = headers.get("x-sample-rate", "?")
    return [
        ("said", text),
        ("spoken by", headers.get("x-engine", "unknown")),
        ("tried", attempts(headers.get("x-attempts", ""))),
        ("audio", f"{len(spoken.audio) / 1000:,.0f} kB WAV at {rate} Hz"),
        ("took", f"{spoken.seconds:.2f} s"),
    ]


def _hearing_rows(heard: Heard) -> list[tuple[str, str]]:
    body = heard.body
    routing = body.get("routing") or {}
    duration = float(body.get("duration_seconds") or 0.0)
    factor = f", {heard.seconds / duration:.2f} × the {duration:.1f} s that were said" if duration else ""
    return [
        ("heard", str(body["text"])),
        ("heard by", " ".join(str(body[name]) for name in ("engine", "model") if body.get(name))),
        ("because", str(routing.get("reason", "unknown"))),
        ("took", f"{heard.seconds:.2f} s{factor}"),
    ]


def attempts(header: str) -> str:
    """`coqui=not_installed,kokoro=ok` → `coqui not installed · kokoro ok`."""
    return " · ".join(part.replace("=", " ").replace("_", " ") for part in header.split(",") if part)


def shared_words(said: str, heard: str) -> float:
    """The share of the said words that were heard, 0 to 1."""
    expected, found = (set(re.findall(r"\w+", text.lower())) for text in (said, heard))
    return len(expected & found) / len(expected) if expected else 0.0
