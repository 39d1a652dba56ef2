"""Talking to the running suite: a real recording is the microphone, and the page's own sound is measured."""

import pytest
from playwright.async_api import WebSocket

from tests.support.browser import chromium, console
from tests.support.eventually import eventually_so
from tests.support.local_stack import LocalStack
from tests.support.looking import SCREENSHOTS
from tests.support.recordings import beckett

pytestmark = pytest.mark.models("whisper-base", "kokoro-int8-ja", "smollm2-135m-instruct")
AUDIBLE = 0.01
SILENT = 0.001
SPOKEN_MS = 3500
"""Of the recording: its first two sentences. Speech takes its time, and nothing tells when it is over."""
CUT_OFF_SECONDS = 180.0
"""An answer that is over before the next words is not cut off; then it is the one after it."""
STAGES = "#latencies [data-stage]"
NAMES = "nodes => nodes.map((node) => node.dataset.stage)"
STATE = "document.getElementById('voice-orb').dataset.state"


async def test_spoken_question_is_captioned_answered_aloud_and_cut_off_by_the_next(stack: LocalStack) -> None:
    async with (
        chromium(beckett().path) as browser,
        console(browser, stack.base_url, stack.token()) as watched,
    ):
        page = watched.page
        await watched.view("voice")
        await page.hover("#voice-talk")
        await page.mouse.down()
        await watched.until("document.getElementById('voice-level').value > 0.1")
        await page.wait_for_timeout(SPOKEN_MS)
        await page.wait_for_selector(".caption.you p:not(:empty)")  # while the button is still held
        await page.mouse.up()

        await watched.until(f"{STATE} !== 'listening' && {STATE} !== 'understanding'")
        heard = await page.inner_text(".caption.you p")
        assert "failed" in heard.lower()
        await page.wait_for_selector(".caption.parley p:not(:empty)")
        await watched.until(f"{STATE} === 'speaking' && loudness() > {AUDIBLE}")
        assert await page.eval_on_selector_all(STAGES, NAMES) == ["transcript", "token", "sound"]

        await page.mouse.down()
        await watched.until(f"{STATE} === 'listening' && loudness() < {SILENT}")
        for _ in range(5):
            await page.wait_for_timeout(100)
            assert await watched.loudness() < SILENT
        await page.mouse.up()


async def test_conversation_by_voice_is_kept_with_the_others(stack: LocalStack) -> None:
    async with (
        chromium(beckett().path) as browser,
        console(browser, stack.base_url, stack.token("voice-listener")) as watched,
    ):
        await watched.view("voice")
        await watched.page.focus("#main")
        await watched.page.keyboard.down("Space")
        await watched.until("document.getElementById('voice-level').value > 0.1")
        await watched.page.wait_for_timeout(SPOKEN_MS)
        await watched.page.keyboard.up("Space")
        await watched.page.wait_for_selector(".caption.parley p:not(:empty)")
        heard = await watched.page.inner_text(".caption.you p")
        await watched.view("chat")
        await watched.page.wait_for_selector(f".session-list a:has-text('{heard[:10]}')")


async def test_hands_free_talk_is_answered_aloud_and_the_next_words_cut_it_off(stack: LocalStack) -> None:
    sent: list[str] = []
    received: list[str] = []

    def listen(socket: WebSocket) -> None:
        socket.on("framesent", lambda frame: sent.append(str(frame)))
        socket.on("framereceived", lambda frame: received.append(str(frame)))

    async def cut_off() -> bool:
        return any("conversation.item.truncate" in frame for frame in sent)

    async with (
        chromium(beckett().path) as browser,
        console(browser, stack.base_url, stack.token("talker")) as watched,
    ):
        page = watched.page
        page.on("websocket", listen)
        await watched.view("voice")
        await page.click("text=Hands-free")
        await page.click("#voice-talk")
        await watched.until("document.getElementById('voice-level').value > 0.1")
        await page.wait_for_timeout(SPOKEN_MS)
        await page.evaluate("mute(true)")
        await page.wait_for_selector(".caption.you p:not(:empty)")
        await watched.until(f"{STATE} === 'speaking' && loudness() > {AUDIBLE}")
        assert await page.inner_text(".caption.parley p")
        assert await page.eval_on_selector_all(STAGES, NAMES) == ["transcript", "token", "sound"]
        await page.screenshot(path=SCREENSHOTS / "voice-talking.png", animations="disabled")

        await page.evaluate("mute(false)")
        await eventually_so(cut_off, CUT_OFF_SECONDS)
        await watched.until(f"{STATE} !== 'speaking' && loudness() < {SILENT}")
        await page.click("#voice-talk")
        assert not any('"status":"failed"' in frame for frame in received), "it was an apology that was heard"
