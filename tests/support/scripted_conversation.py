"""The service's end of a hands-free conversation, by script: what it hears is the test's choice."""

import base64
import json
from typing import Any

from playwright.async_api import WebSocketRoute

from tests.support.audio_files import tone
from tests.support.browser import Watched

RATE_HZ = 24_000
SPOKEN_SECONDS = 8.0
AUDIBLE, SILENT = 0.01, 0.001
"""As root mean squares."""
STATE = "document.getElementById('voice-orb').dataset.state"


class ScriptedService:
    """Speaks for `SPOKEN_SECONDS` as soon as it is asked to; `sent` is what the console told it."""

    def __init__(self) -> None:
        self.sent: list[dict[str, Any]] = []
        self._socket: WebSocketRoute | None = None

    def opened(self, socket: WebSocketRoute) -> None:
        self._socket = socket
        socket.on_message(lambda message: self.sent.append(json.loads(message)))
        self.tell("session.created")

    def tell(self, kind: str, **fields: object) -> None:
        assert self._socket is not None
        self._socket.send(json.dumps({"type": kind, **fields}))

    def speak(self) -> None:
        sound = (tone(SPOKEN_SECONDS, RATE_HZ)[0] * 32767).astype("<i2").tobytes()
        half_a_second = RATE_HZ
        for at in range(0, len(sound), half_a_second):
            piece = base64.b64encode(sound[at : at + half_a_second]).decode()
            self.tell("response.output_audio.delta", response_id="r", item_id="i", delta=piece)
        self.tell("response.done", response={"id": "r", "status": "completed"})

    def told(self, kind: str) -> list[dict[str, Any]]:
        return [event for event in self.sent if event["type"] == kind]


async def hands_free(watched: Watched) -> ScriptedService:
    """Opened, and listening."""
    service = ScriptedService()
    await watched.page.route_web_socket("**/v1/realtime**", service.opened)
    await watched.view("voice")
    await watched.page.click("text=Hands-free")
    await watched.page.click("#voice-talk")
    await watched.until(f"{STATE} === 'listening'")
    return service
