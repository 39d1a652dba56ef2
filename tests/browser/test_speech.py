"""Speak and Hear against the running suite, and the words and files that the console makes by itself."""

import pytest
from playwright.async_api import Browser, Route

from services.voice.transcription.engine import Segment
from services.voice.transcription.formats import as_srt, as_vtt
from tests.browser.conftest import ChatHouse
from tests.support.audio_files import tone, wav
from tests.support.browser import console
from tests.support.local_stack import LocalStack
from tests.support.recordings import beckett

needs_voices = pytest.mark.models("whisper-base", "kokoro-int8-ja")
AUDIBLE = 0.01
SEGMENTS = (
    Segment(0.0, 1.2344, "Short.", 0.9),
    Segment(59.9996, 3723.5, "A line of subtitles that is too long for one & has <marks> & an “end”.", 0.8),
)


@needs_voices
async def test_text_is_heard_while_it_is_spoken_and_can_be_kept(browser: Browser, stack: LocalStack) -> None:
    async with console(browser, stack.base_url, stack.token()) as watched:
        page = watched.page
        await watched.view("speak")
        await page.fill("#speak-text", "The kettle is on. The tea will be ready in a moment.")
        await page.click("#speak-go")
        await watched.until(f"loudness() > {AUDIBLE}")
        assert "Spoken by" in await page.inner_text("#speak-result .card.spoken")
        async with page.expect_download() as download:
            await page.click("text=Download speech.wav")
        assert (await (await download.value).path()).read_bytes()[:4] == b"RIFF"


@needs_voices
async def test_compressed_speech_plays_when_it_is_whole(browser: Browser, stack: LocalStack) -> None:
    async with console(browser, stack.base_url, stack.token()) as watched:
        await watched.view("speak")
        await watched.page.select_option("#speak-engine", "espeak")
        await watched.page.select_option("#speak-format", "opus")
        await watched.page.click("#speak-go")
        await watched.until("document.querySelector('#speak-result audio')?.currentTime > 0.3")
        assert "Spoken by eSpeak" in await watched.page.inner_text("#speak-result")


@needs_voices
async def test_words_light_up_as_they_are_heard_and_become_subtitles(
    browser: Browser, stack: LocalStack
) -> None:
    async with console(browser, stack.base_url, stack.token()) as watched:
        page = watched.page
        await watched.view("hear")
        await page.set_input_files("#hear-file", beckett().path)
        await page.wait_for_selector("#hear-result .transcript")
        assert "Heard by Whisper" in await page.inner_text("#hear-result")
        await page.click("#hear-result .transcript button")
        await page.wait_for_selector(".word.now")
        await watched.until("document.querySelector('#hear-result audio').currentTime > 0.5")
        async with page.expect_download() as download:
            await page.click("#hear-result button:has-text('SRT')")
        assert " --> " in (await (await download.value).path()).read_text(encoding="utf-8")


@needs_voices
async def test_chosen_engine_and_voice_speak(browser: Browser, stack: LocalStack) -> None:
    async with console(browser, stack.base_url, stack.token()) as watched:
        page = watched.page
        await watched.view("speak")
        await page.wait_for_selector("#speak-engine option[value=espeak]", state="attached")
        await page.select_option("#speak-engine", "espeak")
        offered = await page.eval_on_selector_all("#speak-voice option", "all => all.map((one) => one.value)")
        voice = next(name for name in offered if name.endswith("de"))
        await page.select_option("#speak-voice", voice)
        await page.fill("#speak-text", "Der Tee ist fertig.")
        async with page.expect_request("**/tts/synthesize") as asked:
            await page.click("#speak-go")
        body = (await asked.value).post_data_json
        assert body is not None
        assert (body["engine"], body["voice"], body["language"]) == ("espeak", voice, "de")
        await page.wait_for_selector("#speak-result audio")
        assert "Spoken by eSpeak" in await page.inner_text("#speak-result")


async def test_stand_in_voice_is_told_under_the_sound(browser: Browser, house: ChatHouse) -> None:
    async def speak(route: Route) -> None:
        headers = {
            "X-Engine": "espeak",
            "X-Attempts": "coqui=not_installed,kokoro=busy,espeak=ok",
            "X-Sample-Rate": "24000",
        }
        await route.fulfill(status=200, headers=headers, body=wav(tone(0.2, 24_000), 24_000)[44:])

    async with console(browser, house.url, house.token, tolerated=["502", "503"]) as watched:
        await watched.view("speak")
        await watched.page.wait_for_selector("#speak-result .notice")
        await watched.page.route("**/tts/synthesize", speak)
        await watched.page.click("#speak-go")
        await watched.page.wait_for_selector(".card.spoken .notice.warn")
        assert (
            await watched.page.inner_text(".card.spoken .notice.warn") == "Spoken by eSpeak: Kokoro is busy."
        )
        assert "Coqui is not installed." in await watched.page.inner_text(".card.spoken .facts")


async def test_subtitles_are_those_of_the_voice_service(browser: Browser, house: ChatHouse) -> None:
    fields = [
        {"start_seconds": one.start_seconds, "end_seconds": one.end_seconds, "text": one.text}
        for one in SEGMENTS
    ]
    script = """async (segments) => {
      const { asSrt, asVtt } = await import("/js/subtitles.js");
      return [asSrt(segments), asVtt(segments)];
    }"""
    async with console(browser, house.url, house.token) as watched:
        assert await watched.page.evaluate(script, fields) == [as_srt(SEGMENTS), as_vtt(SEGMENTS)]


async def test_degradation_is_said_in_words_and_absence_is_not_an_alarm(
    browser: Browser, house: ChatHouse
) -> None:
    script = """async (header) => {
      const { attemptsOf, degradation } = await import("/js/wording.js");
      return degradation("Spoken", "eSpeak", attemptsOf(header));
    }"""
    async with console(browser, house.url, house.token) as watched:
        said = await watched.page.evaluate(script, "coqui=not_installed,kokoro=busy,espeak=ok")
        assert said == "Spoken by eSpeak: Kokoro is busy."
        assert await watched.page.evaluate(script, "coqui=not_installed,espeak=ok") is None
