"""Other eyes, other screens, paper: much enlarged, without motion, in forced colours, printed."""

import pytest
from playwright.async_api import Browser

from tests.browser.conftest import ChatHouse
from tests.support.browser import Watched, console
from tests.support.looking import photograph, sticks_out

AWAY = ["502", "503"]
ENLARGED = {
    "400 per cent of 1280 by 1024": (320, 256),
    "200 per cent of 1440 by 900": (720, 450),
    "320": (320, 640),
}
THREAD_MIN_PX = 80
MOVING = "document.getAnimations().filter((one) => one.playState === 'running').length"


async def converse(watched: Watched, question: str = "Good morning") -> None:
    await watched.page.wait_for_selector(".hello")
    await watched.page.fill("#composer-text", question)
    await watched.page.press("#composer-text", "Enter")


@pytest.mark.parametrize("screen", list(ENLARGED))
async def test_enlarged_page_needs_no_sideways_scrolling(
    browser: Browser, house: ChatHouse, screen: str
) -> None:
    async with console(browser, house.url, house.token, size=ENLARGED[screen], tolerated=AWAY) as watched:
        await converse(watched)
        await watched.page.wait_for_selector(".message.assistant[data-status=complete]")
        thread = await watched.page.evaluate("document.getElementById('thread').clientHeight")
        assert thread >= THREAD_MIN_PX
        for view in ("chat", "voice", "speak", "hear", "status"):
            await watched.view(view)
            await photograph(watched, f"enlarged-{ENLARGED[screen][0]}x{ENLARGED[screen][1]}-{view}")
            assert await sticks_out(watched) == [], view
            assert await watched.page.evaluate("document.documentElement.scrollHeight <= innerHeight"), view


async def test_nothing_moves_for_whoever_asked_for_stillness(browser: Browser, house: ChatHouse) -> None:
    async with console(browser, house.url, house.token) as watched:
        await watched.page.emulate_media(reduced_motion="no-preference")
        await converse(watched, "Please hang")
        await watched.page.wait_for_selector(".content.waiting")
        await watched.until(f"{MOVING} > 0")
        await watched.page.emulate_media(reduced_motion="reduce")
        await watched.until(f"{MOVING} === 0")
        house.chain.release.set()


async def test_forced_colours_still_tell_which_is_chosen(browser: Browser, house: ChatHouse) -> None:
    def ground(selector: str) -> str:
        return f"getComputedStyle(document.querySelector('{selector}')).backgroundColor"

    async with console(browser, house.url, house.token, tolerated=AWAY) as watched:
        await watched.page.emulate_media(forced_colors="active")
        await watched.view("voice")
        await photograph(watched, "forced-colours-voice")
        for chosen, other in (
            (".views [aria-current]", ".views a:not([aria-current])"),
            (".segmented input:checked + span", ".segmented input:not(:checked) + span"),
        ):
            assert await watched.page.evaluate(f"{ground(chosen)} !== {ground(other)}"), chosen


async def test_paper_has_the_whole_conversation_and_no_buttons(browser: Browser, house: ChatHouse) -> None:
    async with console(browser, house.url, house.token) as watched:
        page = watched.page
        await converse(watched, "Please say 900 words")
        await page.wait_for_selector(".message.assistant[data-status=complete]")
        assert await page.evaluate("document.getElementById('thread').scrollHeight > innerHeight")
        await page.emulate_media(media="print")
        for tool in (".rail", "#composer", "#sessions", "#chat-tools"):
            assert not await page.is_visible(tool), tool
        assert await page.is_visible(".message.assistant h3")
        hidden = (
            "document.getElementById('thread').scrollHeight - document.getElementById('thread').clientHeight"
        )
        assert await page.evaluate(hidden) <= 0
