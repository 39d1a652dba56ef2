"""Tokens for tests: good ones, and ones forged by hand where a library would refuse to make them."""

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Mapping

from services.common.auth import ALL_SCOPES, issue_token

SECRET = "0123456789abcdef" * 4


def bearer(
    user: str = "ann", scopes: tuple[str, ...] = ALL_SCOPES, *, secret: str = SECRET, now: float | None = None
) -> dict[str, str]:
    """The header of a good token, for an hour from `now` (seconds since the epoch; None: the present)."""
    issued_at = time.time() if now is None else now
    token = issue_token(secret, subject=user, scopes=scopes, lifetime_seconds=3600, now=issued_at)
    return {"Authorization": f"Bearer {token}"}


def claims(now: float, **changes: object) -> dict[str, object]:
    """The claims of a good token for an hour; a change to None leaves the claim out."""
    good = {"sub": "ann", "iss": "parley", "aud": "parley", "iat": int(now), "exp": int(now) + 3600}
    return {name: value for name, value in {**good, **changes}.items() if value is not None}


def forge(payload: object, header: Mapping[str, object], key: bytes = SECRET.encode()) -> str:
    """Any payload under any header, signed with HMAC-SHA256 under any key."""
    signed = f"{_part(header)}.{_part(payload)}"
    signature = hmac.new(key, signed.encode(), hashlib.sha256).digest()
    return f"{signed}.{_base64url(signature)}"


def _part(content: object) -> str:
    raw = content if isinstance(content, bytes) else json.dumps(content).encode()
    return _base64url(raw)


def _base64url(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
