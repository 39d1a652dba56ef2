"""The terminal client: what it says to the server, and what it prints."""

import asyncio
import io
from collections.abc import AsyncIterator, Callable

import pytest
from rich.console import Console

from scripts.terminal_chat.archive import Archive
from scripts.terminal_chat.line import AWAY, Frame, Line, Refused
from scripts.terminal_chat.paper import Paper, legible
from scripts.terminal_chat.talk import Talk
from tests.support.chat_app import chat_app
from tests.support.chat_chain import answer
from tests.support.chat_memory_store import MemoryStore
from tests.support.chat_socket import text_of, token_of
from tests.support.serving import serving
from tests.support.tokens import bearer

MakeLine = Callable[[str], Line]


@pytest.fixture(name="parts")
async def parts_fixture() -> AsyncIterator[tuple[MakeLine, MemoryStore]]:
    app, store, _ = chat_app(chat_shutdown_seconds=1)
    async with serving(app) as url:
        address = url.replace("http", "ws", 1) + "/ws"
        yield (
            lambda session: Line(address, token_of(bearer("ann")), session, pause=lambda _: None),
            store,
        )


async def exchange(line: Line, content: str, break_after: int | None = None) -> list[Frame]:
    """In a thread: the client is synchronous. `break_after`: the connection is lost after so many deltas."""

    def talk() -> list[Frame]:
        frames = []
        for frame in line.say(content):
            frames.append(frame)
            if sum(one["type"] == "delta" for one in frames) == break_after and AWAY not in frames:
                assert line._connection is not None
                line._connection.socket.shutdown(2)
        return frames

    return await asyncio.to_thread(talk)


async def test_a_message_is_answered_and_the_next_one_goes_over_the_same_line(
    parts: tuple[MakeLine, MemoryStore],
) -> None:
    line = parts[0]("s")
    for content in ("Hello", "And again"):
        ack, *deltas, done = await exchange(line, content)
        assert (ack["type"], text_of(deltas), done["type"]) == ("ack", answer(content), "done")
    await asyncio.to_thread(line.close)


async def test_a_reply_goes_on_where_the_connection_broke(parts: tuple[MakeLine, MemoryStore]) -> None:
    frames = await exchange(line := parts[0]("s"), "be slow and say 100 words", break_after=5)
    assert frames.count(AWAY) == 1
    deltas = [frame for frame in frames if frame["type"] == "delta"]
    assert [delta["seq"] for delta in deltas] == list(range(1, 101))
    assert frames[-1]["type"] == "done"
    await asyncio.to_thread(line.close)


async def test_a_refusal_that_waiting_would_not_change_is_told(parts: tuple[MakeLine, MemoryStore]) -> None:
    line = parts[0]("no such name!")
    with pytest.raises(Refused):
        await exchange(line, "Hello")


async def test_retry_has_the_last_message_answered_once(parts: tuple[MakeLine, MemoryStore]) -> None:
    make_line, store = parts
    file = io.StringIO()
    paper = Paper(Console(file=file, width=200))
    talk = Talk(paper, Archive("http://localhost:9", ""), lambda _: make_line("s"))
    await asyncio.to_thread(talk.do, "Hello")
    store.away = True
    await asyncio.to_thread(talk.do, "And again")
    assert "/retry" in file.getvalue().splitlines()[-1]
    store.away = False
    for said in ("/retry", "/retry"):
        await asyncio.to_thread(talk.do, said)
    *_, answered, refused = file.getvalue().splitlines()
    assert answered.strip() == answer("And again").strip()
    assert refused == "! The last message has its answer."
    messages = (await store.history("ann", "s", limit=9)).messages
    assert [message.content for message in messages][2:] == ["And again", answer("And again")]
    await asyncio.to_thread(talk.close)


def test_what_a_model_says_cannot_move_the_cursor() -> None:
    assert legible("a\x1b[2Jb\x07\r\nc\td\x9b") == "a[2Jb\nc\td"


def test_what_breaks_a_reply_off_is_told_on_a_line_of_its_own() -> None:
    file = io.StringIO()
    paper = Paper(Console(file=file))
    paper.piece("Once upon a")
    paper.note("(no connection)")
    paper.piece(" time.\n")
    paper.trouble("It broke.")
    assert file.getvalue() == "Once upon a\n(no connection)\n time.\n! It broke.\n"


def test_a_dumb_terminal_gets_words_without_colours() -> None:
    file = io.StringIO()
    paper = Paper(Console(file=file, force_terminal=True, _environ={"TERM": "dumb"}))
    paper.note("Session s")
    paper.piece("[bold]Hello[/]")
    paper.end_of_line()
    paper.trouble("It broke.")
    assert file.getvalue() == "Session s\n[bold]Hello[/]\n! It broke.\n"
