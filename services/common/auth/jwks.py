"""Public keys from JWT_JWKS_URL: cached, fetched again for an unknown key, kept when the source is down."""

import asyncio
import time
from collections.abc import Callable, Mapping
from typing import Any

import httpx

from services.common import telemetry
from services.common.problems import ServiceUnavailable, Unauthorized

_log = telemetry.get_logger()
_MIN_REFETCH_SECONDS = 10.0
"""A token with an invented key id must not make us fetch at its sender's pace."""
_MAX_BODY_BYTES = 1 << 20
_KEY_TYPES = {"RS256": "RSA", "ES256": "EC"}


class JwksCache:
    """For one event loop. `client` is shared and closed by the caller."""

    def __init__(
        self,
        url: str,
        client: httpx.AsyncClient,
        *,
        cache_seconds: float,
        timeout_seconds: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._url = url
        self._client = client
        self._cache_seconds = cache_seconds
        self._timeout_seconds = timeout_seconds
        self._clock = clock
        self._keys: dict[str, Mapping[str, Any]] = {}
        self._fetched_at: float | None = None
        self._tried_at: float | None = None
        self._lock = asyncio.Lock()

    async def key(self, key_id: object, algorithm: str) -> Mapping[str, Any]:
        """The JWK for this `kid`, of the type that the algorithm needs. Raises Unauthorized."""
        if not isinstance(key_id, str):
            raise Unauthorized("The token names no key (kid).")
        if self._stale() or key_id not in self._keys:
            await self._refresh(key_id)
        if self._fetched_at is None:
            raise ServiceUnavailable("The keys that tokens are checked with cannot be fetched.")
        found = self._keys.get(key_id)
        if found is None or found.get("kty") != _KEY_TYPES[algorithm]:
            raise Unauthorized("The token's key is unknown.")
        return found

    def _stale(self) -> bool:
        return self._fetched_at is None or self._clock() - self._fetched_at > self._cache_seconds

    async def _refresh(self, key_id: str) -> None:
        async with self._lock:
            fresh_by_now = not self._stale() and key_id in self._keys
            too_soon = self._tried_at is not None and self._clock() - self._tried_at < _MIN_REFETCH_SECONDS
            if fresh_by_now or too_soon:
                return
            self._tried_at = self._clock()
            try:
                self._keys = await self._fetch()
                self._fetched_at = self._clock()
            except (httpx.HTTPError, ValueError, TypeError, KeyError) as exc:
                _log.warning("jwks_fetch_failed", error_type=type(exc).__name__)

    async def _fetch(self) -> dict[str, Mapping[str, Any]]:
        response = await self._client.get(self._url, timeout=self._timeout_seconds)
        response.raise_for_status()
        if len(response.content) > _MAX_BODY_BYTES:
            raise ValueError("key set too large")
        keys = response.json()["keys"]
        return {key["kid"]: key for key in keys if "kid" in key and key.get("use", "sig") == "sig"}
