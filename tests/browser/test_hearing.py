"""The file transcriber: how far it is, which word is lit when, its files as others read them, cancelling."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import srt  # type: ignore[import-untyped]
from playwright.async_api import Browser, Download, Page, Response

from services.voice.transcription.engine import SAMPLE_RATE_HZ
from tests.support.audio_files import wav
from tests.support.browser import Watched, console
from tests.support.local_stack import LocalStack
from tests.support.recordings import beckett, two_cities

pytestmark = pytest.mark.models("whisper-base")
LATE_SECONDS = 0.25
"""A word stays lit for 0.15 s after its end; the rest is one drawing of a busy screen."""
REPEATS = 3
"""Of 44 s: beyond 90 s a file is a job, heard in pieces of 45 s."""
FOLLOW = """async (words) => {
  const audio = document.querySelector("#hear-result audio");
  const nodes = [...document.querySelectorAll("#hear-result .word")];
  const seen = new Set();
  let off = 0;
  await audio.play();
  await new Promise((done) => {
    const look = () => {
      const lit = nodes.findIndex((node) => node.classList.contains("now"));
      if (lit >= 0) {
        const now = audio.currentTime;
        seen.add(lit);
        off = Math.max(off, words[lit].start_seconds - now, now - words[lit].end_seconds);
      }
      if (audio.ended) done();
      else requestAnimationFrame(look);
    };
    look();
  });
  return { seen: seen.size, nodes: nodes.length, off };
}"""
BAR = """() => {
  const bar = document.getElementById("hear-progress");
  window.shown = [];
  window.told = [];
  new MutationObserver(() => shown.push(bar.hasAttribute("value") ? bar.value : null))
    .observe(bar, { attributes: true });
  const line = document.getElementById("announcer");
  new MutationObserver(() => told.push(line.textContent)).observe(line, { childList: true });
}"""


async def transcribed(watched: Watched, path: Path) -> dict[str, Any]:
    """The service's reply, once it is on the page."""
    replies: list[Response] = []
    watched.page.on("response", lambda reply: replies.append(reply) if "/stt/" in reply.url else None)
    await watched.page.set_input_files("#hear-file", path)
    await watched.page.wait_for_selector("#hear-result .transcript")
    body: dict[str, Any] = await replies[-1].json()
    return dict(body.get("result", body))


async def saved(page: Page, kind: str) -> str:
    async with page.expect_download() as waiting:
        await page.click(f"#hear-result button:has-text('{kind}')")
    download: Download = await waiting.value
    assert download.suggested_filename.endswith(f".{kind.lower()}")
    return (await download.path()).read_text(encoding="utf-8")


async def test_each_word_is_lit_while_it_is_heard(browser: Browser, stack: LocalStack) -> None:
    async with console(browser, stack.base_url, stack.token()) as watched:
        await watched.view("hear")
        heard = await transcribed(watched, beckett().path)
        words = [word for segment in heard["segments"] for word in segment["words"]]
        await watched.page.focus("#hear-file")
        await watched.page.click(
            "#hear-result .transcript button"
        )  # the click that a browser wants before sound
        found = await watched.page.evaluate(FOLLOW, words)
        assert found["nodes"] == len(words)
        assert found["seen"] >= len(words) - 1
        assert found["off"] < LATE_SECONDS

        await watched.page.locator("#hear-result .word").nth(6).click()
        now = await watched.page.evaluate("document.querySelector('#hear-result audio').currentTime")
        assert words[6]["start_seconds"] <= now < words[7]["end_seconds"]


async def test_files_say_what_the_page_says(browser: Browser, stack: LocalStack) -> None:
    async with console(browser, stack.base_url, stack.token()) as watched:
        await watched.view("hear")
        heard = await transcribed(watched, two_cities().path)
        assert await watched.page.get_attribute("#hear-result .transcript", "lang") == "en"
        cues = list(srt.parse(await saved(watched.page, "SRT")))
        assert [cue.content.replace("\n", " ") for cue in cues] == [one["text"] for one in heard["segments"]]
        for cue, segment in zip(cues, heard["segments"], strict=True):
            assert abs(cue.start - timedelta(seconds=segment["start_seconds"])) <= timedelta(milliseconds=1)
            assert cue.start < cue.end
        head, *blocks = (await saved(watched.page, "VTT")).strip().split("\n\n")
        assert head == "WEBVTT"
        assert len(blocks) == len(cues)


async def test_long_file_tells_how_much_of_it_was_heard(
    browser: Browser, stack: LocalStack, tmp_path: Path
) -> None:
    path = long_recording(tmp_path)
    async with console(browser, stack.base_url, stack.token("long-listener")) as watched:
        await watched.view("hear")
        await watched.page.evaluate(BAR)
        heard = await transcribed(watched, path)
        assert heard["text"].lower().count("best of times") == REPEATS
        parts = [part for part in await watched.page.evaluate("shown") if part is not None]
        inside = sorted({part for part in parts if 0 < part < 1})
        assert len(inside) >= REPEATS - 1, "a step for each piece"
        told = await watched.page.evaluate("told")
        assert told[-1] == "The transcript is there."
        assert len(told) <= 12, "a screen reader is not told of each step"


async def test_cancel_ends_the_job_and_gives_the_focus_back(
    browser: Browser, stack: LocalStack, tmp_path: Path
) -> None:
    path = long_recording(tmp_path)
    async with console(browser, stack.base_url, stack.token("canceller")) as watched:
        page = watched.page
        await watched.view("hear")
        async with page.expect_response(lambda reply: reply.url.endswith("/stt/jobs")) as submitted:
            await page.set_input_files("#hear-file", path)
        job = (await (await submitted.value).json())["job_id"]
        await page.wait_for_selector("#hear-stage:has-text('Listening')")
        async with page.expect_response(lambda reply: reply.request.method == "DELETE") as deleted:
            await page.focus("#hear-cancel")
            await page.keyboard.press("Enter")
        assert (await deleted.value).status == 204
        with stack.client("canceller") as client:
            assert client.get(f"/api/v1/voice/stt/jobs/{job}").json()["state"] == "cancelled"
        assert await page.evaluate("document.activeElement.id") == "hear-file"
        assert await page.inner_text("#hear-result") == ""


@pytest.mark.parametrize(
    ("name", "content", "status", "sentence"),
    [
        ("note.txt", b"hello, this is text", "415", "not an audio file"),
        ("empty.wav", b"", "422", "empty"),
    ],
)
async def test_file_that_is_no_recording_is_refused_in_words(
    browser: Browser, stack: LocalStack, name: str, content: bytes, status: str, sentence: str
) -> None:
    async with console(browser, stack.base_url, stack.token(), tolerated=[status]) as watched:
        await watched.view("hear")
        file = {"name": name, "mimeType": "audio/wav", "buffer": content}
        await watched.page.set_input_files("#hear-file", file)  # type: ignore[arg-type]
        await watched.page.wait_for_selector("#hear-result .notice")
        assert sentence in await watched.page.inner_text("#hear-result")
        assert not await watched.page.is_visible("#hear-work")


def long_recording(folder: Path) -> Path:
    path = folder / "long.wav"
    pause = np.zeros(SAMPLE_RATE_HZ, dtype=np.float32)
    path.write_bytes(wav(np.tile(np.concatenate([two_cities().samples(), pause]), REPEATS)[np.newaxis]))
    return path
