"""What is printed. Colours where the terminal has them, plain words on a dumb one or into a file."""

from collections.abc import Iterable, Mapping
from typing import Any

from rich.console import Console

_KEPT = {"\n", "\t"}


class Paper:
    """Notes stand on lines of their own, also where a reply has broken off in the middle of one."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._in_a_line = False

    def note(self, text: str) -> None:
        self._begin_line()
        self._console.print(legible(text), style="dim", markup=False, highlight=False, soft_wrap=True)

    def trouble(self, text: str) -> None:
        self._begin_line()
        self._console.print(f"! {legible(text)}", style="red", markup=False, highlight=False, soft_wrap=True)

    def piece(self, text: str) -> None:
        """Of a reply, as it comes."""
        self._console.print(legible(text), end="", markup=False, highlight=False, soft_wrap=True)
        self._console.file.flush()
        self._in_a_line = not text.endswith("\n")

    def end_of_line(self) -> None:
        self._console.print()
        self._in_a_line = False

    def _begin_line(self) -> None:
        if self._in_a_line:
            self.end_of_line()

    def messages(self, messages: Iterable[Mapping[str, Any]]) -> None:
        for message in messages:
            speaker = "you" if message["role"] == "user" else "parley"
            state = "" if message["status"] in {"answered", "complete"} else f" ({message['status']})"
            self._console.print(f"{speaker}{state}> ", end="", style="dim", markup=False, highlight=False)
            self.piece(str(message["content"]).strip())
            self.end_of_line()

    def sessions(self, sessions: Iterable[Mapping[str, Any]], current: str) -> None:
        for number, session in enumerate(sessions, 1):
            mark = "*" if session["session_id"] == current else " "
            when = str(session["updated_at"])[:16].replace("T", " ")
            self.piece(f"{mark}{number:3}  {when}  {session['title']}  [{session['session_id']}]\n")

    def models(self, models: Iterable[Mapping[str, Any]], current: str | None) -> None:
        for model in models:
            mark = "*" if model["name"] == current else " "
            tokens = model["context_tokens"]
            self.piece(f"{mark} {model['name']}  ({model['provider']}, {tokens:,} tokens)\n")


def legible(text: str) -> str:
    """Without control characters: what a model says must not move the cursor or retitle the window."""
    return "".join(one for one in text if one in _KEPT or one.isprintable())
