"""Every view of the running suite at both widths and in both themes: photographed, measured, judged by axe.

The pictures are left in `.parley/screenshots`.
"""

from pathlib import Path

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser

from tests.browser.conftest import SCREENSHOTS
from tests.support.browser import Theme, Watched, console
from tests.support.local_stack import LocalStack
from tests.support.recordings import beckett

SIZES = {"wide": (1440, 900), "narrow": (360, 740)}
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
    for part in ("services", "engines", "models"):
        await watched.page.wait_for_selector(f"#status-{part} h3")


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
            await _photograph(watched, SCREENSHOTS / f"{name}-{width}-{theme}.png")
            assert await watched.page.evaluate("document.documentElement.scrollWidth <= innerWidth"), name
            assert await _serious_violations(watched) == [], name


async def _photograph(watched: Watched, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    await watched.page.screenshot(path=path, animations="disabled")


async def _serious_violations(watched: Watched) -> list[str]:
    found = await Axe().run(watched.page)
    return [
        f"{violation['id']}: {[node['target'] for node in violation['nodes']]}"
        for violation in found.response["violations"]
        if violation["impact"] in {"serious", "critical"}
    ]
