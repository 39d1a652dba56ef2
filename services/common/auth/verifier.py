"""Verifies a JWT: size and header first, then the signature, unless it is known to hold, then the claims."""

import time
from collections.abc import Callable, Mapping
from typing import Any

import httpx
from jose import jwt
from jose.exceptions import JOSEError

from services.common.auth.checked_tokens import CheckedToken, CheckedTokens, Key
from services.common.auth.claims import MAX_TOKEN_BYTES, ClaimRules, judge_claims, judge_header
from services.common.auth.jwks import JwksCache
from services.common.auth.principal import Principal
from services.common.problems import Unauthorized
from services.common.settings import ServiceSettings

_MALFORMED = (JOSEError, ValueError, TypeError, RecursionError)
"""RecursionError: a few kilobytes of "[" are JSON nested deeper than Python's parser goes."""


class TokenVerifier:
    """`now` is seconds since the epoch; `clock`, the key cache's, only has to go forward."""

    def __init__(
        self,
        settings: ServiceSettings,
        client: httpx.AsyncClient | None = None,
        now: Callable[[], float] = time.time,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._secret = settings.jwt_secret.get_secret_value() if settings.jwt_secret else None
        self._algorithms = settings.jwt_algorithms
        self._rules = ClaimRules(
            settings.jwt_issuer,
            settings.jwt_audience,
            settings.jwt_max_lifetime_seconds,
            settings.jwt_leeway_seconds,
        )
        self._now = now
        self._client = client or httpx.AsyncClient()
        self._jwks = self._key_source(settings, clock)
        self._checked = CheckedTokens()

    async def verify(self, token: str) -> Principal:
        """Raises Unauthorized for any token that is not exactly in order."""
        if len(token) > MAX_TOKEN_BYTES:
            raise Unauthorized("The token is too long.")
        checked = self._checked.get(token)
        header = checked.header if checked else self._accepted_header(token)
        algorithm = str(header["alg"])
        key = await self._key(algorithm, header)
        if checked is None or checked.key != key:
            checked = CheckedToken(header, _verified_claims(token, key, algorithm), key)
            self._checked.add(token, checked)
        return judge_claims(checked.claims, self._rules, self._now())

    async def aclose(self) -> None:
        await self._client.aclose()

    def _key_source(self, settings: ServiceSettings, clock: Callable[[], float]) -> JwksCache | None:
        if settings.jwt_jwks_url is None:
            return None
        return JwksCache(
            settings.jwt_jwks_url,
            self._client,
            cache_seconds=settings.jwt_jwks_cache_seconds,
            timeout_seconds=settings.jwt_jwks_timeout_seconds,
            clock=clock,
        )

    def _accepted_header(self, token: str) -> Mapping[str, Any]:
        header = _unverified_header(token)
        judge_header(header, self._algorithms)
        return header

    async def _key(self, algorithm: str, header: Mapping[str, Any]) -> Key:
        if algorithm == "HS256" and self._secret is not None:
            return self._secret
        if self._jwks is None:
            raise Unauthorized("The token is signed with an algorithm that is not accepted here.")
        return await self._jwks.key(header.get("kid"), algorithm)


def _unverified_header(token: str) -> Mapping[str, Any]:
    try:
        return dict(jwt.get_unverified_header(token))
    except _MALFORMED as exc:
        raise Unauthorized("The token is not a JWT.") from exc


def _verified_claims(token: str, key: Key, algorithm: str) -> Mapping[str, Any]:
    """The claims under a good signature. Their content is judged by claims.py, not by the library."""
    unjudged = {
        f"verify_{name}": False for name in ("aud", "iat", "exp", "nbf", "iss", "sub", "jti", "at_hash")
    }
    try:
        return dict(jwt.decode(token, key, algorithms=[algorithm], options=unjudged))
    except _MALFORMED as exc:
        raise Unauthorized("The token's signature does not hold.") from exc
