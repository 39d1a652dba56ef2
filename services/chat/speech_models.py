"""The voice service's models, for the one list that the gateway shows. Asked with the caller's own token."""

from typing import Any

import httpx


class SpeechModels:
    def __init__(self, voice_url: str, *, timeout_seconds: float) -> None:
        self._url = f"{voice_url.rstrip('/')}/v1/models"
        self._client = httpx.AsyncClient(timeout=timeout_seconds)

    async def list(self, authorization: str) -> list[dict[str, Any]]:
        """Objects of OpenAI's dialect; none where the service is away, or will not tell this caller."""
        try:
            answer = await self._client.get(self._url, headers={"Authorization": authorization})
            return list(answer.json()["data"]) if answer.status_code == httpx.codes.OK else []
        except (httpx.HTTPError, httpx.InvalidURL, ValueError, KeyError, TypeError):
            return []

    async def aclose(self) -> None:
        await self._client.aclose()
