"""The console in states that a visit seldom meets: photographed in both sizes and themes, judged by axe."""

import time
from collections.abc import Awaitable, Callable

import httpx
import pytest
from playwright.async_api import Browser, Route

from services.common.auth import ALL_SCOPES, issue_token
from services.common.language_models.provider import Delta, Finished, Started, Usage
from tests.browser.conftest import ChatHouse
from tests.support.browser import Theme, Watched, console
from tests.support.chat_chain import FRIENDLY
from tests.support.looking import SIZES, photograph, serious_violations, sticks_out
from tests.support.tokens import SECRET, bearer

LONG_WORD = "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft" * 2
CONVERSATIONS = 30
MARKDOWN = f"""# Tea

1. **Boil** the water, `95 °C`.
2. {LONG_WORD}

> A quotation that is long enough to be broken into lines wherever it is shown.

```python
def steep(minutes: int = 3) -> str:
    return "tea " * minutes  # a comment that makes this line scroll sideways in its own box, and nowhere else
```

| Kind | Temperature | {LONG_WORD[:60]} |
|:-----|------------:|:---------------:|
| Black | 95 °C | yes |

https://example.com/{"x" * 150}
"""
AWAY = {
    "type": "/problems/upstream-unavailable",
    "title": "Service unavailable",
    "status": 503,
    "detail": "Chat is not available just now. It comes back by itself; please try again in a moment.",
    "request_id": "0d2d58d2-3e08-4f0c-8a4d-6a7a0a6ad3d1",
}
Step = Callable[[Watched, ChatHouse], Awaitable[None]]


async def ask(watched: Watched, question: str) -> None:
    await watched.page.wait_for_selector(".hello")
    await watched.page.fill("#composer-text", question)
    await watched.page.press("#composer-text", "Enter")


async def told(watched: Watched, house: ChatHouse, *deltas: str, degraded: bool = False) -> None:
    """An answer of these pieces."""
    started = Started("openai", "stand-in", degraded=degraded)
    house.chain.script = [started, *map(Delta, deltas), Finished(Usage(1, 1), "stop")]
    await ask(watched, f"How is tea made, {LONG_WORD}?")
    await watched.page.wait_for_selector('.message.assistant[data-status="complete"]')
    house.chain.script = None


async def empty(watched: Watched, house: ChatHouse) -> None:
    await watched.page.wait_for_selector(".hello")


async def waiting(watched: Watched, house: ChatHouse) -> None:
    await ask(watched, "Please hang")
    await watched.page.wait_for_selector(".content.waiting")


async def streaming(watched: Watched, house: ChatHouse) -> None:
    await ask(watched, "Please be slow and say 400 words")
    await watched.until("document.querySelector('.message.assistant .content')?.textContent.includes('w9')")


async def markdown(watched: Watched, house: ChatHouse) -> None:
    await told(watched, house, MARKDOWN * 2)
    await watched.page.evaluate("document.getElementById('thread').scrollTop = 0")
    await watched.page.wait_for_selector("#thread-newest:not([hidden])")


async def degraded(watched: Watched, house: ChatHouse) -> None:
    await told(watched, house, "Here I am.", degraded=True)


async def unanswered(watched: Watched, house: ChatHouse) -> None:
    await ask(watched, "Please fail")
    await watched.page.wait_for_selector('.message.user[data-status="unanswered"]')
    assert FRIENDLY in await watched.page.inner_text("#thread")


async def megabyte(watched: Watched, house: ChatHouse) -> None:
    await told(watched, house, "x" * 1_000_000)


async def conversations(watched: Watched, house: ChatHouse) -> None:
    async with httpx.AsyncClient(headers=bearer()) as client:
        for number in range(CONVERSATIONS):
            message = f"{LONG_WORD if number % 3 else 'A word about tea,'} {number}"
            await client.post(f"{house.url}/api/v1/chat-service/api/v1/chat", json={"message": message})
    await watched.page.reload()
    await watched.page.wait_for_selector(".session-list li", state="attached")
    if await watched.page.is_visible("#sessions-open"):
        await watched.page.click("#sessions-open")


async def away(watched: Watched, house: ChatHouse) -> None:
    async def refuse(route: Route) -> None:
        await route.fulfill(status=503, content_type="application/problem+json", json=AWAY)

    await watched.page.route("**/api/v1/chat-service/**", refuse)
    await watched.page.goto(f"{house.url}/#/chat/{'0' * 24}")
    await watched.page.wait_for_selector("#thread .notice")
    await watched.page.unroute("**/api/v1/chat-service/**")


async def deleting(watched: Watched, house: ChatHouse) -> None:
    await told(watched, house, "Yes.")
    await watched.page.click("#chat-delete")
    await watched.page.wait_for_selector("#delete-dialog[open]")


STATES: dict[str, Step] = {
    step.__name__: step
    for step in (
        empty,
        waiting,
        streaming,
        markdown,
        degraded,
        unanswered,
        megabyte,
        away,
        deleting,
        conversations,
    )
}


async def judged(watched: Watched, name: str) -> None:
    await photograph(watched, name)
    assert await sticks_out(watched) == [], name
    assert await serious_violations(watched) == [], name


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", list(SIZES))
async def test_states_of_a_conversation(browser: Browser, house: ChatHouse, width: str, theme: Theme) -> None:
    for name, reach in STATES.items():
        async with console(
            browser, house.url, house.token, size=SIZES[width], theme=theme, tolerated=["503"]
        ) as watched:
            await reach(watched, house)
            await judged(watched, f"state-{name}-{width}-{theme}")
        house.chain.release.set()
        house.chain.release.clear()


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", list(SIZES))
async def test_states_of_the_token(browser: Browser, house: ChatHouse, width: str, theme: Theme) -> None:
    expired = issue_token(
        SECRET, subject="ann", scopes=ALL_SCOPES, lifetime_seconds=60, now=time.time() - 3600
    )
    for name, token in {"no-token": None, "expired": expired}.items():
        async with console(
            browser, house.url, token, size=SIZES[width], theme=theme, tolerated=["401"]
        ) as watched:
            await watched.page.wait_for_selector("#token-dialog[open]")
            await judged(watched, f"state-{name}-{width}-{theme}")
            await watched.page.keyboard.press("Escape")
            await watched.page.wait_for_selector("#token-wanted-paste")
            await judged(watched, f"state-{name}-dismissed-{width}-{theme}")
            await watched.page.click("#token-wanted-paste")
            assert await watched.page.is_visible("#token-dialog")
