"""Chat as a person sees it: an answer grows, survives what happens to the page, and can do no harm."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from playwright.async_api import Browser, WebSocketRoute

from services.common.language_models.answering import AnswerEvent
from services.common.language_models.provider import Delta, Finished, Started, Usage
from services.common.problems import ServiceUnavailable
from tests.browser.conftest import ChatHouse
from tests.support.browser import Watched, console
from tests.support.chat_chain import FRIENDLY, answer

SLOW_QUESTION = "Please be slow and say 40 words"
ANSWER = ".message.assistant .content"
MARKS = ("*", "_", "`", "[", "**a", "> ", "- ", "|", "![", "<http:", "~~", "](", "\\")
DRAW = """async (text) => {
  const { renderMarkdown } = await import("/js/markdown/render.js");
  const box = document.createElement("div");
  renderMarkdown(box, text);
  return box.textContent;
}"""
HOSTILE = (
    "<script>window.harmed = true</script> <img src=x onerror='window.harmed = true'>\n\n"
    "[press](javascript:window.harmed=true) [here](data:text/html,<script>harmed=true</script>) "
    "![beacon](https://evil.example/beacon.gif) ![](//evil.example/b.gif) <https://evil.example/>\n\n"
    "<iframe src='https://evil.example'></iframe> <style>@import 'https://evil.example/x.css'</style>\n\n"
    "```html\n<link rel=stylesheet href=https://evil.example/y.css>\n```\n\n"
    "| <b>a</b> | b |\n|---|---|\n| <svg onload=harmed=true> | [x](vbscript:harmed) |\n"
)


async def ask(watched: Watched, question: str) -> None:
    await watched.page.fill("#composer-text", question)
    await watched.page.press("#composer-text", "Enter")


async def answered(watched: Watched, text: str) -> None:
    await watched.page.wait_for_selector('.message.assistant[data-status="complete"]')
    assert (await watched.page.inner_text(ANSWER)).split() == text.split()


async def begun(watched: Watched) -> None:
    """Until some of the answer is there, and not all."""
    await watched.until(f"document.querySelector('{ANSWER}')?.textContent.includes('w5')")
    assert await watched.page.locator('.message.assistant[data-status="writing"]').count() == 1


async def test_answer_grows_as_it_is_written(browser: Browser, house: ChatHouse) -> None:
    async with console(browser, house.url, house.token) as watched:
        await ask(watched, SLOW_QUESTION)
        await begun(watched)
        await answered(watched, answer(SLOW_QUESTION))


async def test_reload_in_mid_answer_goes_on_where_it_was(browser: Browser, house: ChatHouse) -> None:
    async with console(browser, house.url, house.token) as watched:
        await ask(watched, SLOW_QUESTION)
        await begun(watched)
        await watched.page.reload()
        await answered(watched, answer(SLOW_QUESTION))
        assert len(house.chain.asked) == 1


async def test_lost_connection_in_mid_answer_costs_no_word(browser: Browser, house: ChatHouse) -> None:
    sockets: list[WebSocketRoute] = []

    def through(socket: WebSocketRoute) -> None:
        socket.connect_to_server()
        sockets.append(socket)

    async with console(browser, house.url, house.token) as watched:
        await watched.page.route_web_socket("**/ws/chat-service**", through)
        await ask(watched, SLOW_QUESTION)
        await begun(watched)
        await sockets[0].close(code=1012)
        await answered(watched, answer(SLOW_QUESTION))
        assert len(sockets) == 2
        assert len(house.chain.asked) == 1


async def test_answers_come_over_plain_requests_where_no_socket_opens(
    browser: Browser, house: ChatHouse
) -> None:
    async with console(browser, house.url, house.token) as watched:
        await watched.page.route_web_socket("**/ws/chat-service**", lambda socket: socket.close())
        await ask(watched, SLOW_QUESTION)
        await answered(watched, answer(SLOW_QUESTION))
        assert "over plain requests" in await watched.page.inner_text("#chat-link")
        assert len(house.chain.asked) == 1


async def test_stop_keeps_what_was_written_so_far(browser: Browser, house: ChatHouse) -> None:
    async with console(browser, house.url, house.token) as watched:
        await ask(watched, SLOW_QUESTION)
        await begun(watched)
        await watched.page.click("#composer-stop")
        await watched.page.wait_for_selector('.message.assistant[data-status="cancelled"]')
        said = (await watched.page.inner_text(ANSWER)).split()
        assert 0 < len(said) < 40
        await watched.page.reload()
        await watched.page.wait_for_selector('.message.assistant[data-status="cancelled"]')
        kept = (await watched.page.inner_text(ANSWER)).split()
        assert kept[: len(said)] == said


async def test_unanswered_message_says_so_and_can_be_tried_again(
    browser: Browser, house: ChatHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    failures = [ServiceUnavailable(FRIENDLY)]
    answers = house.chain.stream

    async def stream(*asked: Any, **how: Any) -> AsyncIterator[AnswerEvent]:
        if failures:
            raise failures.pop()
        async for event in answers(*asked, **how):
            yield event

    monkeypatch.setattr(house.chain, "stream", stream)
    async with console(browser, house.url, house.token) as watched:
        await ask(watched, "Is anybody there?")
        await watched.page.wait_for_selector('.message.user[data-status="unanswered"]')
        assert FRIENDLY in await watched.page.inner_text("#thread")
        await watched.page.click("text=Try again")
        await answered(watched, answer("Is anybody there?"))
        assert FRIENDLY not in await watched.page.inner_text("#thread")


async def test_answer_of_a_stand_in_says_so(browser: Browser, house: ChatHouse) -> None:
    house.chain.script = [
        Started("openai", "stand-in", degraded=True),
        Delta("Here I am."),
        Finished(Usage(3, 3), "stop"),
    ]
    async with console(browser, house.url, house.token) as watched:
        await ask(watched, "Who answers?")
        await answered(watched, "Here I am.")
        assert "Answered by stand-in" in await watched.page.inner_text("#thread")


async def test_hostile_answer_is_text_and_requests_nothing(browser: Browser, house: ChatHouse) -> None:
    pieces = [HOSTILE[at : at + 9] for at in range(0, len(HOSTILE), 9)]
    house.chain.script = [
        Started("fake", "fake-1", degraded=False),
        *(Delta(piece) for piece in pieces),
        Finished(Usage(1, 1), "stop"),
    ]
    async with console(browser, house.url, house.token) as watched:
        await ask(watched, "Do your worst")
        await watched.page.wait_for_selector('.message.assistant[data-status="complete"]')
        shown = await watched.page.inner_text(ANSWER)
        for part in (
            "<script>window.harmed",
            "onerror=",
            "<iframe",
            "<style>@import",
            "<link rel",
            "<svg onload",
        ):
            assert part in shown
        built = await watched.page.eval_on_selector_all(
            f"{ANSWER} *", "nodes => nodes.map(node => node.localName)"
        )
        assert not {"script", "img", "iframe", "style", "link", "object", "form"} & set(built)
        targets = await watched.page.eval_on_selector_all(
            f"{ANSWER} a", "links => links.map(a => a.protocol)"
        )
        assert set(targets) <= {"https:", "http:", "mailto:"}
        assert await watched.page.evaluate("window.harmed === undefined")


async def test_megabyte_on_one_line_is_shown_and_the_page_goes_on(browser: Browser, house: ChatHouse) -> None:
    piece = "<b>*[x](javascript:1)`" * 500
    count = 1_000_000 // len(piece)
    house.chain.script = [
        Started("fake", "fake-1", degraded=False),
        *(Delta(piece) for _ in range(count)),
        Finished(Usage(1, 1), "stop"),
    ]
    async with console(browser, house.url, house.token) as watched:
        await ask(watched, "Go on for ever")
        await watched.page.wait_for_selector('.message.assistant[data-status="complete"]')
        whole = await watched.page.eval_on_selector(ANSWER, "node => node.textContent")
        assert whole == piece * count
        assert await watched.page.locator(f"{ANSWER} a").count() == 0
        house.chain.script = None
        await ask(watched, "Still there?")
        await watched.page.wait_for_selector(".message.assistant:last-child[data-status='complete']")


async def test_conversation_can_be_renamed_exported_and_deleted(browser: Browser, house: ChatHouse) -> None:
    async with console(browser, house.url, house.token) as watched:
        page = watched.page
        await ask(watched, "Good morning")
        await answered(watched, answer("Good morning"))
        await page.click("#chat-rename")
        await page.fill("#rename-input", "Greetings")
        await page.press("#rename-input", "Enter")
        await page.wait_for_selector(".session-list a:has-text('Greetings')")
        await page.click("#chat-export")
        async with page.expect_download() as download:
            await page.click("#export-dialog button[value=markdown]")
        text = (await (await download.value).path()).read_text(encoding="utf-8")
        assert text.startswith("# Greetings")
        assert "You said: Good morning" in text
        await page.click("#chat-delete")
        await page.click("#delete-dialog button[value=delete]")
        await page.wait_for_selector("text=What is on your mind?")
        assert await page.locator(".session-list a").count() == 0


async def test_renderer_loses_no_word_among_any_number_of_marks(browser: Browser, house: ChatHouse) -> None:
    texts = [f"before {mark * 4000} after" for mark in MARKS]
    texts += ["\n".join([f"{mark}word {mark}"] * 3000) for mark in MARKS]
    async with console(browser, house.url, house.token) as watched:
        for text in texts:
            shown = await watched.page.evaluate(DRAW, text)
            assert shown.count("word") == text.count("word")
            assert "before" not in text or ("before" in shown and "after" in shown)
