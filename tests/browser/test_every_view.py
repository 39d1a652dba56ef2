"""Every view of the running suite at both widths and in both themes: photographed, measured, judged by axe.

The pictures are left in `.parley/screenshots`.
"""

import pytest
from playwright.async_api import Browser

from tests.support.browser import Theme, Watched, console
from tests.support.local_stack import LocalStack
from tests.support.looking import SIZES, photograph, serious_violations, sticks_out
from tests.support.recordings import beckett

QUESTION = "Write one sentence about tea."


async def chat(watched: Watched) -> None:
    await watched.page.wait_for_selector(".hello")
    await watched.page.fill("#composer-text", QUESTION)
    await watched.page.press("#composer-text", "Enter")
    await watched.page.wait_for_selector(".message.assistant:not([data-status=writing])")


async def voice(watched: Watched) -> None:
    await watched.page.wait_for_selector("#voice-talk")


async def speak(watched: Watched) -> None:
    await watched.page.select_option("#speak-engine", "espeak")
    await watched.page.click("#speak-go")
    await watched.page.wait_for_selector(".card.spoken")


async def hear(watched: Watched) -> None:
    await watched.page.set_input_files("#hear-file", beckett().path)
    await watched.page.wait_for_selector("#hear-result .transcript")


async def status(watched: Watched) -> None:
    page = watched.page
    for part in ("services", "engines", "models"):
        await page.wait_for_selector(f"#status-{part} h3")
    assert "breaker closed" in await page.inner_text("[data-service=chat-service]")
    assert {"whisper", "kokoro"} <= set((await page.inner_text("#status-engines")).lower().split())
    assert "smollm2" in (await page.inner_text("#status-models")).lower()


VIEWS = {"chat": chat, "voice": voice, "speak": speak, "hear": hear, "status": status}


@pytest.mark.models("whisper-base", "kokoro-int8-ja", "smollm2-135m-instruct")
@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", list(SIZES))
async def test_view_fits_is_accessible_and_photographed(
    browser: Browser, stack: LocalStack, width: str, theme: Theme
) -> None:
    token = stack.token(f"visitor-{width}-{theme}")
    async with console(browser, stack.base_url, token, size=SIZES[width], theme=theme) as watched:
        for name, prepare in VIEWS.items():
            await watched.view(name)
            await prepare(watched)
            await photograph(watched, f"{name}-{width}-{theme}")
            assert await sticks_out(watched) == [], name
            assert await serious_violations(watched) == [], name
