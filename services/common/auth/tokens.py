"""Issues HS256 tokens: for `scripts/token`, the console's address and tests."""

import secrets as random_secrets
from collections.abc import Iterable

from jose import jwt


def issue_token(
    secret: str,
    *,
    subject: str,
    scopes: Iterable[str],
    lifetime_seconds: float,
    now: float,
    issuer: str = "parley",
    audience: str = "parley",
) -> str:
    """A signed JWT. `now` is seconds since the epoch. Scopes are space-separated. Source: RFC 8693, 4.2."""
    issued_at = int(now)
    claims = {
        "sub": subject,
        "scope": " ".join(scopes),
        "iss": issuer,
        "aud": audience,
        "iat": issued_at,
        "exp": issued_at + int(lifetime_seconds),
        "jti": random_secrets.token_hex(8),
    }
    return str(jwt.encode(claims, secret, algorithm="HS256"))
