"""Every function by keyboard alone: reached in turn, seen to be reached, left again."""

import pytest
from playwright.async_api import Browser

from tests.browser.conftest import ChatHouse
from tests.support.browser import Watched, console
from tests.support.chat_chain import answer
from tests.support.looking import SIZES

VIEWS = ("chat", "voice", "speak", "hear", "status")
AWAY = ["502", "503", "WebSocket"]
"""Nothing but the chat service is there."""
TABS_MAX = 90
WANTED = """() => {
  const kinds = "a[href], button, input, select, textarea, audio, [tabindex='0']";
  const shown = (node) => node.checkVisibility({ visibilityProperty: true }) && !node.closest("[inert]");
  const can = (node) => shown(node) && !node.disabled && !(node.type === "radio" && !node.checked);
  window.wanted = new Set([...document.querySelectorAll(kinds)].filter(can));
  window.dim = [];
  return wanted.size;
}"""
REACHED = """() => {
  const node = document.activeElement;
  const outlined = (it) => it && getComputedStyle(it).outlineStyle !== "none";
  const around = node.closest(".composer");
  const seen = outlined(node) || (node.matches("input") && outlined(node.nextElementSibling))
    || (around && getComputedStyle(around).boxShadow !== "none");
  if (wanted.delete(node) && !seen) dim.push(node.id || node.outerHTML.slice(0, 80));
}"""
LEFT = "[...wanted].map((node) => node.id || node.outerHTML.slice(0, 80))"
FOCUS = "document.activeElement.id"


async def tab_through(watched: Watched) -> None:
    """From one end to the other; a trap would keep the rest from being reached."""
    assert await watched.page.evaluate(WANTED) > 0
    for _ in range(TABS_MAX):
        await watched.page.keyboard.press("Tab")
        await watched.page.evaluate(REACHED)
        if not await watched.page.evaluate("wanted.size"):
            return


@pytest.mark.parametrize("width", list(SIZES))
@pytest.mark.parametrize("view", VIEWS)
async def test_everything_is_reached_and_shows_it(
    browser: Browser, house: ChatHouse, view: str, width: str
) -> None:
    async with console(browser, house.url, house.token, size=SIZES[width], tolerated=AWAY) as watched:
        page = watched.page
        await page.wait_for_selector(".hello")
        if view == "chat":
            await page.fill("#composer-text", "Good morning")
            await page.press("#composer-text", "Enter")
            await page.wait_for_selector(".message.assistant[data-status=complete]")
            await page.wait_for_selector("#chat-tools:not([hidden])")
        await watched.view(view)
        await tab_through(watched)
        assert await page.evaluate(LEFT) == []
        assert await page.evaluate("dim") == []


async def test_drawer_keeps_the_focus_while_it_is_open_and_gives_it_back(
    browser: Browser, house: ChatHouse
) -> None:
    async with console(browser, house.url, house.token, size=SIZES["narrow"]) as watched:
        page = watched.page
        await page.wait_for_selector(".hello")
        await page.focus("#sessions-open")
        await page.keyboard.press("Enter")
        await watched.until(f"{FOCUS} === 'sessions-close'")
        assert await page.get_attribute("#sessions-open", "aria-expanded") == "true"
        for _ in range(8):
            await page.keyboard.press("Tab")
            assert await page.evaluate(
                "document.activeElement === document.body || !!document.activeElement.closest('#sessions')"
            )
        await page.focus("#session-new")
        await page.keyboard.press("Escape")
        await watched.until(f"{FOCUS} === 'sessions-open'")
        assert await page.get_attribute("#sessions-open", "aria-expanded") == "false"

        await page.keyboard.press("Enter")
        await page.mouse.click(350, 400)  # beside it
        await watched.until("!document.getElementById('sessions').classList.contains('open')")


@pytest.mark.parametrize("tool", ["rename", "export", "delete"])
async def test_escape_closes_a_dialog_and_changes_nothing(
    browser: Browser, house: ChatHouse, tool: str
) -> None:
    async with console(browser, house.url, house.token) as watched:
        page = watched.page
        await page.fill("#composer-text", "Good morning")
        await page.press("#composer-text", "Enter")
        await page.wait_for_selector(".message.assistant[data-status=complete]")
        await page.focus(f"#chat-{tool}")
        await page.keyboard.press("Enter")
        await page.wait_for_selector(f"#{tool}-dialog[open]")
        await page.keyboard.press("Escape")
        await watched.until(f"{FOCUS} === 'chat-{tool}'")
        assert (await page.inner_text(".message.assistant .content")).split() == answer(
            "Good morning"
        ).split()


async def test_talk_button_is_a_switch_to_whoever_cannot_hold_it(browser: Browser, house: ChatHouse) -> None:
    state = "document.getElementById('voice-orb').dataset.state"
    async with console(browser, house.url, house.token, tolerated=AWAY) as watched:
        await watched.view("voice")
        await watched.page.focus("#voice-talk")
        await watched.page.keyboard.press("Enter")
        await watched.until(f"{state} === 'listening'")
        assert await watched.page.get_attribute("#voice-talk", "aria-pressed") == "true"
        await watched.until("document.getElementById('voice-level').value > 0")
        await watched.page.wait_for_timeout(400)  # of sound: less is taken for a slip
        await watched.page.keyboard.press("Enter")
        await watched.until(f"{state} !== 'listening'")


async def test_dismissed_token_dialog_does_not_come_back_at_every_request(
    browser: Browser, house: ChatHouse
) -> None:
    forged = f"{house.token[:-6]}AAAAAA"
    async with console(browser, house.url, forged, tolerated=["401", *AWAY]) as watched:
        await watched.view("status")
        await watched.page.wait_for_selector("#token-dialog[open]")
        await watched.page.keyboard.press("Escape")
        async with watched.page.expect_response(lambda reply: reply.status == 401):
            pass
        async with watched.page.expect_response(lambda reply: reply.status == 401):
            pass
        assert not await watched.page.is_visible("#token-dialog")
