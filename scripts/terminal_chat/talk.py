"""`./scripts/chat`: reads a line, says it, prints the reply as it is written; /commands beside that."""

import secrets
import sys
from argparse import Namespace
from collections.abc import Callable
from contextlib import suppress

from rich.console import Console

from scripts.local_stack.tokens import CannotSign
from scripts.local_stack.visiting import own_token, running_url
from scripts.terminal_chat.archive import Archive, NoAnswer
from scripts.terminal_chat.line import Frame, Line, Refused, new_message_id
from scripts.terminal_chat.paper import Paper

_TOKEN_SECONDS = 12 * 3600
_HELP = """/new             begin a new session
/sessions        list yours; /open NUMBER or NAME goes on with one
/history         what was said in this one
/retry           have the last message answered that was not
/model [NAME]    list the models, or choose one
/quit            end (so does Ctrl-D); Ctrl-C cuts a reply short"""


def chat(options: Namespace, console: Console) -> int:
    paper = Paper(console)
    try:
        token = options.token or own_token(options.user, _TOKEN_SECONDS)
    except CannotSign as refusal:
        paper.trouble(str(refusal))
        return 1
    base_url = (options.base_url or running_url()).rstrip("/")
    address = f"{base_url.replace('http', 'ws', 1)}/ws/chat-service"
    talk = Talk(paper, Archive(base_url, token), lambda session: Line(address, token, session))
    talk.model = options.model
    try:
        return talk.run(options.session)
    finally:
        talk.close()


class Talk:
    def __init__(self, paper: Paper, archive: Archive, line_to: Callable[[str], Line]) -> None:
        self.model: str | None = None
        self._paper = paper
        self._archive = archive
        self._line_to = line_to
        self._line = line_to(_new_session())
        self._unanswered: tuple[str, str] | None = None
        self._commands: dict[str, Callable[[str], None]] = {
            "/new": lambda _: self._go_to(_new_session()),
            "/open": self._open,
            "/sessions": lambda _: paper.sessions(archive.sessions(), self._line.session_id),
            "/history": lambda _: paper.messages(archive.messages(self._line.session_id)),
            "/retry": lambda _: self._retry(),
            "/model": self._choose_model,
            "/help": lambda _: paper.note(_HELP),
        }

    def run(self, session_id: str | None) -> int:
        """Until the end of the input. 1: the server would not have us."""
        if sys.stdin.isatty():
            with suppress(ImportError):
                import readline  # noqa: F401 - line editing, for `input`
            self._paper.note("Say something. /help lists the commands.")
        try:
            if session_id is not None:
                self._go_to(session_id)
            while (line := self._next_line()) is not None:
                self.do(line)
        except (Refused, NoAnswer) as refusal:
            self._paper.trouble(str(refusal))
            return 1
        return 0

    def close(self) -> None:
        self._line.close()
        self._archive.close()

    def _next_line(self) -> str | None:
        """None: no more."""
        try:
            line = input("you> " if sys.stdin.isatty() else "")
        except (EOFError, KeyboardInterrupt):
            self._paper.end_of_line()
            return None
        return None if line.strip() == "/quit" else line.strip()

    def do(self, line: str) -> None:
        """What was typed: a /command, or something to say."""
        if not line:
            return
        name, _, rest = line.partition(" ")
        if not line.startswith("/"):
            self._say(line)
        elif name in self._commands:
            try:
                self._commands[name](rest.strip())
            except NoAnswer as exc:
                self._paper.trouble(str(exc))
        else:
            self._paper.trouble(f"There is no {name}. /help lists the commands.")

    def _say(self, content: str, message_id: str | None = None) -> None:
        message_id = message_id or new_message_id()
        self._unanswered = (content, message_id)
        for frame in self._line.say(content, self.model, message_id):
            if frame["type"] == "done":
                self._unanswered = None
            self._print(frame)

    def _retry(self) -> None:
        if self._unanswered is None:
            raise NoAnswer("The last message has its answer.")
        self._say(*self._unanswered)

    def _print(self, frame: Frame) -> None:
        match frame["type"]:
            case "delta" if frame.get("reset"):
                self._paper.note("(another model begins again)")
            case "delta":
                self._paper.piece(str(frame["content"]))
            case "done":
                self._paper.end_of_line()
                if frame["finish_reason"] == "cancelled":
                    self._paper.note("(cut short)")
            case "error":
                self._paper.trouble(str(frame["problem"]["detail"]))
                self._paper.note("(/retry asks for the answer once more)")
            case "away":
                self._paper.note("(no connection; it goes on as soon as there is one)")

    def _go_to(self, session_id: str) -> None:
        self._line.close()
        self._line, self._unanswered = self._line_to(session_id), None
        self._paper.note(f"Session {session_id}")
        self._paper.messages(self._archive.messages(session_id))

    def _open(self, wanted: str) -> None:
        """By its number in /sessions, or by its id."""
        if not wanted.isdigit():
            self._go_to(wanted)
            return
        listed = self._archive.sessions()
        if not 0 < int(wanted) <= len(listed):
            raise NoAnswer("There is no session of that number. /sessions lists them.")
        self._go_to(str(listed[int(wanted) - 1]["session_id"]))

    def _choose_model(self, name: str) -> None:
        models = self._archive.models()
        if not name:
            self._paper.models(models, self.model)
        elif name in {model["name"] for model in models}:
            self.model = name
            self._paper.note(f"{name} answers from now on.")
        else:
            raise NoAnswer(f"There is no model {name}. /model lists them.")


def _new_session() -> str:
    return secrets.token_hex(8)
