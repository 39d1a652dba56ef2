"""A real Chromium that looks at the console, complains about what it must not do, and hears what it plays."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from playwright.async_api import Browser, ConsoleMessage, Page, Request, WebSocket, async_playwright

from tests.support.eventually import eventually_so

WAIT_MS = 60_000
"""Only ever reached when a test fails."""
Theme = Literal["light", "dark"]

_SENSES = """(() => {
  const connect = AudioNode.prototype.connect;
  const ears = [];
  AudioNode.prototype.connect = function (target, ...rest) {
    if (target instanceof AudioDestinationNode) {
      const ear = this.context.createAnalyser();
      ears.push(ear);
      connect.call(this, ear);
    }
    return connect.call(this, target, ...rest);
  };
  const loudness = (ear) => {
    const samples = new Float32Array(ear.fftSize);
    ear.getFloatTimeDomainData(samples);
    return Math.sqrt(samples.reduce((sum, sample) => sum + sample * sample, 0) / samples.length);
  };
  window.loudness = () => Math.max(0, ...ears.map(loudness));
  const open = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
  navigator.mediaDevices.getUserMedia = async (wanted) => {
    const stream = await open(wanted);
    const ear = new AudioContext().createAnalyser();
    ear.context.createMediaStreamSource(stream).connect(ear);
    window.heard = () => loudness(ear);
    window.mute = (is) => stream.getTracks().forEach((track) => (track.enabled = !is));
    return stream;
  };
})();"""
"""Listens where the page's sound leaves it: `loudness()` is the root mean square of the last 46 ms.

`heard()` is the same of the microphone. `mute(true)` and `mute(false)` are a switch on the fake one, which
else repeats its file for ever.
"""


@dataclass
class Watched:
    """A page of the console. `errors`: its console's; `elsewhere`: requests to anybody but the gateway."""

    page: Page
    url: str
    errors: list[str] = field(default_factory=list)
    elsewhere: list[str] = field(default_factory=list)

    async def view(self, name: str) -> None:
        await self.page.goto(f"{self.url}/#/{name}")
        await self.page.wait_for_selector(f"#{name.split('/')[0]}:not([hidden])")

    async def loudness(self) -> float:
        """Of what the page plays through Web Audio at this moment: root mean square, 0 to 1."""
        loudness: float = await self.page.evaluate("loudness()")
        return loudness

    async def until(self, condition: str) -> None:
        """Waits for a JavaScript expression to hold; the policy forbids what `wait_for_function` does."""

        async def holds() -> bool:
            return bool(await self.page.evaluate(condition))

        await eventually_so(holds, WAIT_MS / 1000)


@asynccontextmanager
async def chromium(microphone: Path | None = None) -> AsyncIterator[Browser]:
    """`microphone`: a WAV file that the fake one plays, again and again."""
    flags = ["--no-sandbox", "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]
    if microphone is not None:
        flags.append(f"--use-file-for-fake-audio-capture={microphone}")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path="/usr/bin/chromium", args=flags)
        try:
            yield browser
        finally:
            await browser.close()


@asynccontextmanager
async def console(
    browser: Browser,
    url: str,
    token: str | None,
    *,
    size: tuple[int, int] = (1440, 900),
    theme: Theme = "light",
    tolerated: Sequence[str] = (),
) -> AsyncIterator[Watched]:
    """The console, opened as `./scripts/up` prints it. Asserts at the end that it kept to itself.

    `tolerated`: parts of console errors that the test provokes, such as the status of a refused request.
    """
    context = await browser.new_context(
        viewport={"width": size[0], "height": size[1]}, color_scheme=theme, accept_downloads=True
    )
    await context.add_init_script(_SENSES)
    watched = Watched(await context.new_page(), url)
    watched.page.set_default_timeout(WAIT_MS)
    _watch(watched)
    await watched.page.goto(f"{url}/#token={token}" if token else url)
    try:
        yield watched
    finally:
        await context.close()
    assert watched.elsewhere == []
    assert [error for error in watched.errors if not any(part in error for part in tolerated)] == []


def _watch(watched: Watched) -> None:
    origins = (f"{watched.url}/", f"{watched.url.replace('http', 'ws', 1)}/", "blob:", "data:")

    def note_request(request: Request) -> None:
        if not request.url.startswith(origins):
            watched.elsewhere.append(request.url)

    def note_message(message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            watched.errors.append(message.text)

    def note_socket(socket: WebSocket) -> None:
        if not socket.url.startswith(origins):
            watched.elsewhere.append(socket.url)

    watched.page.on("request", note_request)
    watched.page.on("websocket", note_socket)
    watched.page.on("console", note_message)
    watched.page.on("pageerror", lambda error: watched.errors.append(str(error)))
