"""What a look at a page tells: a picture of it, what axe says of it, and what sticks out at its sides."""

from pathlib import Path

from axe_playwright_python.async_playwright import Axe

from tests.support.browser import Watched

ROOT = Path(__file__).resolve().parents[2]
SCREENSHOTS = ROOT / ".parley" / "screenshots"
SIZES = {"wide": (1440, 900), "narrow": (360, 740)}
_STICKS_OUT = """() => [...document.querySelectorAll("html, body, main, .thread, .sessions, dialog[open]")]
  .filter((box) => box.scrollWidth > box.clientWidth + 1)
  .map((box) => box.id || box.className || box.localName)"""


async def photograph(watched: Watched, name: str) -> None:
    """Into `.parley/screenshots`, for somebody to look at."""
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    await watched.page.screenshot(path=SCREENSHOTS / f"{name}.png", animations="disabled")


async def sticks_out(watched: Watched) -> list[str]:
    """The parts of the page that would have to be scrolled sideways."""
    found: list[str] = await watched.page.evaluate(_STICKS_OUT)
    return found


async def serious_violations(watched: Watched) -> list[str]:
    found = await Axe().run(watched.page)
    return [
        f"{violation['id']}: {[node['target'] for node in violation['nodes']]}"
        for violation in found.response["violations"]
        if violation["impact"] in {"serious", "critical"}
    ]
