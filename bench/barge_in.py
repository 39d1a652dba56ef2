#!/usr/bin/env python3
"""How soon the console falls silent when its user speaks: Chromium, a real recording as the microphone.

    ./scripts/up --detach && .venv/bin/python -m bench.barge_in

From the first moment at which the microphone has a voice, as the page hears it, until the page's own sound is
silent. What is heard of either is the root mean square of the last 43 ms, and counts in.
"""

import argparse
import asyncio
import statistics
import sys

from playwright.async_api import Page

from tests.support.browser import chromium, console
from tests.support.local_stack import LocalStack, local_stack
from tests.support.recordings import beckett

GOAL_MS = 200.0
_QUESTION_MS = 3500
"""Of the recording, which goes round and round."""
_WATCH = """async () => {
  mute(false);
  const until = async (holds) => {
    while (!holds()) await new Promise((resolve) => setTimeout(resolve, 4));
    return performance.now();
  };
  const begun = await until(() => heard() > 0.02 || loudness() < 0.001);
  if (loudness() < 0.001) return null;
  return (await until(() => loudness() < 0.001)) - begun;
}"""
"""null: the reply was over before anything was said."""


async def measured(stack: LocalStack, rounds: int) -> list[float]:
    found: list[float] = []
    async with (
        chromium(beckett().path) as browser,
        console(browser, stack.base_url, stack.token("bench")) as watched,
    ):
        page = watched.page
        await watched.view("voice")
        await page.click("text=Hands-free")
        await page.click("#voice-talk")
        await watched.until("document.getElementById('voice-level').value > 0.1")
        for _ in range(rounds):
            await _ask(page)
            await watched.until("loudness() > 0.01")
            silent_after_ms = await page.evaluate(_WATCH)
            if silent_after_ms is not None:
                found.append(float(silent_after_ms))
    return found


async def _ask(page: Page) -> None:
    """Whatever is being said, there is a turn after it, and then quiet until it is answered."""
    await page.evaluate("mute(false)")
    await page.wait_for_timeout(_QUESTION_MS)
    await page.evaluate("mute(true)")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rounds", type=int, default=8)
    arguments = parser.parse_args()
    with local_stack() as stack:
        found = asyncio.run(measured(stack, arguments.rounds))
    middle, most = statistics.median(found), max(found)
    print(f"silent after {middle:.0f} ms (median of {len(found)}), {most:.0f} ms at most; goal {GOAL_MS:.0f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
