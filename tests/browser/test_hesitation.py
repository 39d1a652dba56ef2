"""Our voice waits at the first sound from the user, and goes on where it was if that was no voice.

A script stands in for the service, so that what it finds in the sound, and when, is the test's choice.
"""

import asyncio
from pathlib import Path

import numpy as np
import pytest
from playwright.async_api import Page

from tests.browser.conftest import ChatHouse
from tests.support.audio_files import wav
from tests.support.browser import Watched, chromium, console
from tests.support.scripted_conversation import (
    AUDIBLE,
    RATE_HZ,
    SILENT,
    SPOKEN_SECONDS,
    STATE,
    ScriptedService,
    hands_free,
)


@pytest.fixture
def door(tmp_path: Path) -> Path:
    """A microphone in a quiet room, with a door that slams once in four seconds."""
    room = np.zeros((1, 4 * RATE_HZ), dtype=np.float32)
    room[0, 2 * RATE_HZ : 2 * RATE_HZ + RATE_HZ // 8] = np.random.default_rng(7).normal(0, 0.3, RATE_HZ // 8)
    path = tmp_path / "door.wav"
    path.write_bytes(wav(room, RATE_HZ))
    return path


async def talking(watched: Watched) -> ScriptedService:
    service = await hands_free(watched)
    service.speak()
    await watched.until(f"loudness() > {AUDIBLE}")
    return service


async def test_slam_makes_our_voice_wait_and_the_whole_of_it_is_heard(house: ChatHouse, door: Path) -> None:
    async with chromium(door) as browser, console(browser, house.url, house.token) as watched:
        service = await talking(watched)
        await watched.until(f"loudness() < {SILENT}")
        await watched.until(f"loudness() > {AUDIBLE}")
        await watched.until(f"{STATE} === 'listening'")
        assert service.told("conversation.item.truncate") == []


async def test_voice_cuts_our_voice_where_it_waited(house: ChatHouse, door: Path) -> None:
    async with chromium(door) as browser, console(browser, house.url, house.token) as watched:
        service = await talking(watched)
        await watched.until(f"loudness() < {SILENT}")
        service.tell("input_audio_buffer.speech_started", audio_start_ms=0)
        for _ in range(8):
            await asyncio.sleep(0.1)
            assert await watched.loudness() < SILENT
        (cut,) = service.told("conversation.item.truncate")
        assert 0 < cut["audio_end_ms"] < SPOKEN_SECONDS * 1000


async def test_held_sound_goes_on_where_it_was_held(house: ChatHouse) -> None:
    async with chromium() as browser, console(browser, house.url, house.token) as watched:
        heard = await watched.page.evaluate(_HOLD_AND_RESUME)
        assert heard["held"] == heard["later"]
        assert 0 < heard["held"] < 1
        assert heard["inTheEnd"] == pytest.approx(1.0, abs=1e-3)


_HOLD_AND_RESUME = """async () => {
  const { PcmPlayer } = await import("/js/audio/player.js");
  const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
  const player = new PcmPlayer(24000);
  const half = new Uint8Array(24000);
  player.push(half);
  player.push(half);
  while (player.heardSeconds < 0.2) await pause(10);
  player.hold();
  const held = player.heardSeconds;
  await pause(300);
  const later = player.heardSeconds;
  player.resume();
  await player.silent();
  return { held, later, inTheEnd: player.heardSeconds };
}"""


@pytest.mark.parametrize(
    ("levels", "found"),
    [
        ([0.0] * 50, []),
        ([0.0] * 50 + [0.1], []),
        ([0.0] * 50 + [0.1, 0.1, 0.1, 0.0, 0.1], [51, 52]),
        ([0.01] * 500 + [0.02] * 3, []),
        ([0.01] * 500 + [0.06] * 2, [501]),
    ],
    ids=["silence", "a click", "a voice", "a louder fan", "a voice above a fan"],
)
async def test_onset_is_a_voice_above_what_is_usual(
    house: ChatHouse, levels: list[float], found: list[int]
) -> None:
    async with chromium() as browser, console(browser, house.url, house.token) as watched:
        assert await onsets(watched.page, levels) == found


async def test_each_wrong_guess_makes_the_next_one_harder(house: ChatHouse) -> None:
    async with chromium() as browser, console(browser, house.url, house.token) as watched:
        quiet, echo = [0.005] * 500, [0.03] * 2
        assert await onsets(watched.page, quiet + echo) == [501]
        assert await onsets(watched.page, quiet + echo, wrong_before=2) == []


async def onsets(page: Page, levels: list[float], wrong_before: int = 0) -> list[int]:
    """The indexes of the levels at which somebody seems to speak."""
    found: list[int] = await page.evaluate(
        """async ({ levels, wrongBefore }) => {
          const { VoiceOnset } = await import("/js/voice/onset.js");
          const onset = new VoiceOnset();
          for (let count = 0; count < wrongBefore; count++) onset.wasNone();
          return levels.flatMap((level, index) => (onset.heard(level) ? [index] : []));
        }""",
        {"levels": levels, "wrongBefore": wrong_before},
    )
    return found
