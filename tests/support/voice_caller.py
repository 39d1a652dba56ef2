"""The voice API as a client sees it: speak a text, have a file heard."""

from collections.abc import Mapping

import httpx

SYNTHESIZE = "/api/v1/voice/tts/synthesize"
TRANSCRIBE = "/api/v1/voice/stt/transcribe"
STATUS = "/api/v1/voice/models/status"


class VoiceCaller:
    """`client` has the address and the token; whoever made it closes it."""

    def __init__(self, client: httpx.Client) -> None:
        self._client = client

    def speak(self, text: str, **fields: object) -> httpx.Response:
        return self._client.post(SYNTHESIZE, json={"text": text, **fields})

    def hear(
        self, audio: bytes, headers: Mapping[str, str] | None = None, /, **fields: str
    ) -> httpx.Response:
        return self._client.post(TRANSCRIBE, files={"audio": audio}, data=fields, headers=headers)

    def engine(self, name: str) -> Mapping[str, object]:
        """What the service says of one of its engines."""
        status = self._client.get(STATUS).raise_for_status().json()
        found: Mapping[str, object] = next(
            one for one in (*status["transcription"], *status["synthesis"]) if one["name"] == name
        )
        return found
