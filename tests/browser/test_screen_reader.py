"""What a screen reader is given: Chromium's own accessibility tree, and how often something speaks up."""

from itertools import pairwise
from typing import Any

import pytest
from playwright.async_api import Browser

from tests.browser.conftest import ChatHouse
from tests.support.browser import Watched, console
from tests.support.chat_chain import answer

VIEWS = ("chat", "voice", "speak", "hear", "status")
AWAY = ["502", "503"]
"""Nothing but the chat service is there."""
NAMED = {
    "button",
    "link",
    "textbox",
    "combobox",
    "slider",
    "radio",
    "meter",
    "progressbar",
    "dialog",
    "table",
    "navigation",
    "log",
    "group",
    "option",
    "Audio",
}
LISTEN = """() => {
  const speaking = "[role=status], [role=alert], [role=log]:not([aria-live=off]), [aria-live=polite], output";
  window.said = [];
  new MutationObserver((changes) => {
    for (const { target, addedNodes } of changes) {
      const region = (target.closest ? target : target.parentElement)?.closest(speaking);
      if (region?.textContent.trim()) said.push(region.textContent.trim());
      for (const node of addedNodes) if (node.matches?.("[role=alert]")) said.push(node.textContent.trim());
    }
  }).observe(document.body, { subtree: true, childList: true, characterData: true });
}"""


async def tree(watched: Watched) -> list[dict[str, Any]]:
    """Role, name and level of everything that is not hidden from a screen reader."""
    protocol = await watched.page.context.new_cdp_session(watched.page)
    nodes = (await protocol.send("Accessibility.getFullAXTree"))["nodes"]
    await protocol.detach()
    return [
        {
            "role": node["role"]["value"],
            "name": node.get("name", {}).get("value", ""),
            "level": next(
                (p["value"]["value"] for p in node.get("properties", []) if p["name"] == "level"), None
            ),
        }
        for node in nodes
        if not node.get("ignored")
    ]


@pytest.mark.parametrize("view", VIEWS)
async def test_everything_has_a_name_and_a_place(browser: Browser, house: ChatHouse, view: str) -> None:
    async with console(browser, house.url, house.token, tolerated=AWAY) as watched:
        await watched.page.wait_for_selector(".hello")
        await watched.view(view)
        found = await tree(watched)
        roles = [node["role"] for node in found]
        assert [roles.count(role) for role in ("banner", "navigation", "main")] == [1, 1, 1]
        nameless = [node for node in found if node["role"] in NAMED and not node["name"].strip()]
        assert nameless == []
        levels = [node["level"] for node in found if node["role"] == "heading"]
        assert levels[0] == 1
        assert levels.count(1) == 1
        assert all(after - before <= 1 for before, after in pairwise(levels))
        assert await watched.page.get_attribute("html", "lang") == "en"


async def test_answer_is_read_once_and_not_word_by_word(browser: Browser, house: ChatHouse) -> None:
    question = "Please be slow and say 40 words"
    async with console(browser, house.url, house.token) as watched:
        await watched.page.wait_for_selector(".hello")
        await watched.page.fill("#composer-text", question)
        await watched.page.evaluate(LISTEN)
        await watched.page.press("#composer-text", "Enter")
        await watched.until(f"said.includes({answer(question).strip()!r})")
        assert await watched.page.evaluate("said.length") == 1


async def test_headings_of_an_answer_lie_below_that_of_its_message(
    browser: Browser, house: ChatHouse
) -> None:
    script = """async () => {
      const { renderMarkdown } = await import("/js/markdown/render.js");
      const box = document.createElement("div");
      renderMarkdown(box, "# One\\n\\n## Two\\n\\n###### Six");
      return [...box.children].map((node) => node.localName);
    }"""
    async with console(browser, house.url, house.token) as watched:
        assert await watched.page.evaluate(script) == ["h4", "h5", "h6"]


async def test_writing_a_text_to_be_spoken_is_not_counted_aloud(browser: Browser, house: ChatHouse) -> None:
    async with console(browser, house.url, house.token, tolerated=AWAY) as watched:
        await watched.view("speak")
        await watched.page.wait_for_selector("#speak-result .notice")
        await watched.page.evaluate(LISTEN)
        await watched.page.type("#speak-text", "A few words more.")
        assert "of 10,000" in await watched.page.inner_text("#speak-count")
        assert await watched.page.evaluate("said") == []
