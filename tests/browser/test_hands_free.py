"""Hands-free talk says what went other than it should, beside the words it concerns."""

from tests.browser.conftest import ChatHouse
from tests.support.browser import Watched, chromium, console
from tests.support.scripted_conversation import STATE, hands_free

REMARK = ".caption.parley .notice.warn"


async def answered(watched: Watched, metadata: dict[str, str]) -> None:
    """A turn, its reply without a sound, and the console's return to listening."""
    service = await hands_free(watched)
    service.tell("input_audio_buffer.speech_stopped", audio_end_ms=900)
    await watched.until(f"{STATE} === 'understanding'")
    service.tell("response.output_audio_transcript.delta", item_id="i", delta="Good morning.")
    service.tell("response.done", response={"id": "r", "output": [{"id": "i"}], "metadata": metadata})
    await watched.until(f"{STATE} === 'listening'")


async def test_a_voice_that_stood_in_is_named_with_the_reason(house: ChatHouse) -> None:
    async with chromium() as browser, console(browser, house.url, house.token) as watched:
        attempts = "coqui=not_installed,kokoro=busy,espeak=ok"
        await answered(watched, {"spoken_by": "espeak", "attempts": attempts})
        said = await watched.page.inner_text(REMARK)
        assert said.strip() == "Spoken by eSpeak: Kokoro is busy."


async def test_a_voice_as_it_should_be_is_not_remarked_upon(house: ChatHouse) -> None:
    async with chromium() as browser, console(browser, house.url, house.token) as watched:
        await answered(watched, {"spoken_by": "kokoro"})
        assert await watched.page.inner_text(".caption.parley p") == "Good morning."
        assert await watched.page.locator(REMARK).count() == 0
