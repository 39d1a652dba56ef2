"""The console without a mouse: every view by its link, the content without the links, a question."""

from playwright.async_api import Browser

from tests.browser.conftest import ChatHouse
from tests.support.browser import Watched, console
from tests.support.chat_chain import answer

VIEWS = ("Chat", "Voice", "Speak", "Hear", "Status")
FOCUSED = "document.activeElement.ariaLabel || document.activeElement.textContent.trim()"
TABS_MAX = 30


async def tab_to(watched: Watched, name: str) -> None:
    for _ in range(TABS_MAX):
        await watched.page.keyboard.press("Tab")
        if await watched.page.evaluate(FOCUSED) == name:
            return
    raise AssertionError(f"no way to {name} by the Tab key")


async def test_every_view_is_reached_and_named(browser: Browser, house: ChatHouse) -> None:
    # Nothing but the chat service is there: the other views' requests answer 502 or 503.
    async with console(browser, house.url, house.token, tolerated=["502", "503"]) as watched:
        await tab_to(watched, "Skip to content")
        for name in VIEWS:
            await tab_to(watched, name)
            await watched.page.keyboard.press("Enter")
            await watched.page.wait_for_selector(f"#{name.lower()}:not([hidden])")
            assert await watched.page.inner_text("nav [aria-current=page]") == name
            heading = await watched.page.inner_text(f"#{name.lower()}-title")
            assert await watched.page.title() == f"{heading} · Parley"


async def test_skipping_to_the_content_stays_in_the_view(browser: Browser, house: ChatHouse) -> None:
    async with console(browser, house.url, house.token, tolerated=["502", "503"]) as watched:
        await watched.view("speak")
        await tab_to(watched, "Skip to content")
        await watched.page.keyboard.press("Enter")
        await watched.until("document.activeElement.id === 'main'")
        assert await watched.page.locator("#speak").is_visible()


async def test_a_question_is_asked_and_its_answer_read_out(browser: Browser, house: ChatHouse) -> None:
    async with console(browser, house.url, house.token) as watched:
        page = watched.page
        await page.wait_for_selector(".hello")
        await page.focus("#composer-text")
        await page.keyboard.type("Good morning")
        await page.keyboard.press("Enter")
        await page.wait_for_selector(".message.assistant[data-status=complete]")
        said = answer("Good morning").split()
        await watched.until(f"document.getElementById('chat-announcer').textContent.includes('{said[0]}')")
        assert await page.evaluate("document.activeElement.id") == "composer-text", "the next can be typed"
