"""Hands-free talk says what went other than it should, beside the words it concerns."""

from tests.browser.conftest import ChatHouse
from tests.support.browser import chromium, console
from tests.support.scripted_conversation import STATE, hands_free


async def test_a_voice_that_stood_in_is_named_with_the_reason(house: ChatHouse) -> None:
    async with chromium() as browser, console(browser, house.url, house.token) as watched:
        service = await hands_free(watched)
        service.tell(
            "response.output_audio_transcript.delta", response_id="r", item_id="i", delta="Good morning."
        )
        metadata = {"spoken_by": "espeak", "attempts": "coqui=not_installed,kokoro=busy,espeak=ok"}
        service.tell("response.done", response={"id": "r", "output": [{"id": "i"}], "metadata": metadata})
        said = await watched.page.inner_text(".caption.parley .notice.warn")
        assert said.strip() == "Spoken by eSpeak: Kokoro is busy."


async def test_a_voice_as_it_should_be_is_not_remarked_upon(house: ChatHouse) -> None:
    async with chromium() as browser, console(browser, house.url, house.token) as watched:
        service = await hands_free(watched)
        service.tell(
            "response.output_audio_transcript.delta", response_id="r", item_id="i", delta="Good morning."
        )
        metadata = {"spoken_by": "kokoro", "first_audio_ms": "900"}
        service.tell("response.done", response={"id": "r", "output": [{"id": "i"}], "metadata": metadata})
        await watched.until(f"{STATE} === 'listening'")
        assert await watched.page.locator(".caption.parley .notice.warn").count() == 0
