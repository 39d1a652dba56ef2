"""The commands' own small decisions: lifetimes, scopes, durations, and how the demo words things."""

import io
from argparse import ArgumentTypeError
from dataclasses import replace
from itertools import pairwise

import pytest
from jose import jwt
from rich.console import Console

from scripts.local_stack.__main__ import main
from scripts.local_stack.demo import attempts, shared_words
from scripts.local_stack.screen import Screen, changes
from scripts.local_stack.snapshot import Phase, ProcessState, StackState
from scripts.local_stack.status import duration
from scripts.local_stack.tokens import CannotSign, sign
from services.common.auth.token_arguments import lifetime, scope, user

SECRET = "0123456789abcdef" * 4
STARTING = StackState(
    Phase.STARTING,
    "http://localhost:8080",
    "small",
    None,
    started_at=0.0,
    processes=(ProcessState("voice-interaction-service"), ProcessState("gateway")),
)


@pytest.mark.parametrize(
    ("text", "seconds"), [("90s", 90), ("30m", 1800), ("8h", 28_800), ("7d", 604_800), ("30d", 2_592_000)]
)
def test_a_lifetime_is_a_number_with_its_unit(text: str, seconds: int) -> None:
    assert lifetime(text) == seconds


@pytest.mark.parametrize("text", ["8", "h", "0h", "-1h", "1.5h", "8 h", "31d", "99999999d", ""])
def test_any_other_lifetime_is_refused(text: str) -> None:
    with pytest.raises(ArgumentTypeError):
        lifetime(text)


def test_a_scope_that_no_service_knows_is_refused() -> None:
    assert scope("voice:transcribe") == "voice:transcribe"
    with pytest.raises(ArgumentTypeError, match="voice:transcribe"):
        scope("root")


@pytest.mark.parametrize("text", ["", "a\nb", "x" * 256])
def test_a_name_that_a_service_would_refuse_is_refused_here(text: str) -> None:
    with pytest.raises(ArgumentTypeError):
        user(text)


def test_a_token_says_who_may_do_what_and_for_how_long() -> None:
    token = sign({"JWT_SECRET": SECRET}, user="ann", scopes=["chat"], lifetime_seconds=60)
    claims = jwt.decode(token, SECRET, algorithms=["HS256"], audience="parley", issuer="parley")
    assert (claims["sub"], claims["scope"], claims["exp"] - claims["iat"]) == ("ann", "chat", 60)


def test_a_token_is_for_the_issuer_and_audience_of_this_installation() -> None:
    settings = {"JWT_SECRET": SECRET, "JWT_ISSUER": "home", "JWT_AUDIENCE": "us"}
    token = sign(settings, user="ann", lifetime_seconds=60)
    assert jwt.decode(token, SECRET, algorithms=["HS256"], audience="us", issuer="home")


@pytest.mark.parametrize(("settings", "words"), [({}, "up once"), ({"JWT_SECRET": "short"}, "at least 32")])
def test_without_a_good_secret_nothing_is_signed(settings: dict[str, str], words: str) -> None:
    with pytest.raises(CannotSign, match=words):
        sign(settings, user="ann", lifetime_seconds=60)


@pytest.mark.parametrize(
    "arguments",
    [["up", "--port", "0"], ["up", "--port", "x"], ["up", "--profile", "huge"], ["token"], ["dance"], []],
)
def test_arguments_that_make_no_sense_are_refused(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as refused:
        main(arguments)
    assert refused.value.code == 2
    assert "usage: ./scripts" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(None, ""), (3.7, "3 s"), (312, "5 min 12 s"), (3600, "1 h 0 min"), (273_600, "3 d 4 h")],
)
def test_a_duration_is_told_in_its_two_largest_units(seconds: float | None, words: str) -> None:
    assert duration(seconds) == words


def test_attempts_are_worded_for_people() -> None:
    header = "coqui=not_installed,google=no_credentials,kokoro=ok"
    assert attempts(header) == "coqui not installed · google no credentials · kokoro ok"


@pytest.mark.parametrize(
    ("heard", "share"), [("Good morning!", 1.0), ("good", 0.5), ("", 0.0), ("the good good morning", 1.0)]
)
def test_words_count_without_their_case_and_marks(heard: str, share: float) -> None:
    assert shared_words("Good morning.", heard) == share


def with_phase(state: StackState, phase: Phase, **rest: object) -> StackState:
    return state.with_process(replace(state.processes[0], phase=phase, **rest))  # type: ignore[arg-type]  # fields by name


def test_a_line_is_written_when_a_process_becomes_ready_or_dies_and_only_then() -> None:
    ready = with_phase(STARTING, Phase.READY, start_seconds=4.25)
    dead = with_phase(ready, Phase.RESTARTING, note="It was ended by SIGKILL.")
    steps = [None, STARTING, ready, ready, dead]
    lines = [line.plain for before, after in pairwise(steps) if after for line in changes(before, after)]
    assert lines == [
        "✓ voice-interaction-service  is ready (4.2 s)",
        "↻ voice-interaction-service  It was ended by SIGKILL.",
    ]


@pytest.mark.parametrize("width", [40, 100])
def test_the_table_is_drawn_in_place_on_a_terminal_of_any_width(width: int) -> None:
    out = io.StringIO()
    screen = Screen(Console(file=out, force_terminal=True, width=width, color_system=None))
    with screen.progress():
        screen.show(STARTING)
        screen.show(with_phase(STARTING, Phase.READY, start_seconds=4.25))
    assert "✓" in out.getvalue()
    assert all(len(line) <= width for line in out.getvalue().splitlines()[-2:] if "\x1b" not in line)
