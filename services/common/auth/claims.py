"""Judges a token's header and claims; the signature is the verifier's part.

python-jose 3.5 accepts what is refused here: unknown `crit`, a missing `aud`, `exp` or `iss`, `exp=1e308`.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from services.common.auth.principal import Principal
from services.common.problems import Unauthorized

MAX_TOKEN_BYTES = 8192
MAX_SUBJECT_CHARS = 255
_REFUSED_HEADERS = ("jku", "jwk", "x5u", "x5c", "crit", "b64", "zip")
"""Headers that point at, or carry, the sender's own key; and `crit`: we understand no extension.
Source: RFC 7515, 4.1.11; RFC 8725, 3.10."""
_ACCEPTED_TYPES = (None, "JWT", "AT+JWT")


@dataclass(frozen=True, slots=True)
class ClaimRules:
    issuer: str
    audience: str
    max_lifetime_seconds: int
    leeway_seconds: int


def judge_header(header: Mapping[str, object], algorithms: tuple[str, ...]) -> None:
    if header.get("alg") not in algorithms:
        raise Unauthorized("The token is signed with an algorithm that is not accepted here.")
    found = [name for name in _REFUSED_HEADERS if name in header]
    if found:
        raise Unauthorized(f"The token's header has {found[0]}, which is not accepted here.")
    token_type = header.get("typ")
    if (token_type.upper() if isinstance(token_type, str) else token_type) not in _ACCEPTED_TYPES:
        raise Unauthorized("The token is of another type.")


def judge_claims(claims: Mapping[str, object], rules: ClaimRules, now: float) -> Principal:
    """`now`: seconds since the epoch. Raises Unauthorized, naming the claim but not its value."""
    expires_at = _time(claims, "exp")
    issued_at = _time(claims, "iat")
    not_before = _time(claims, "nbf") if "nbf" in claims else issued_at
    if expires_at + rules.leeway_seconds <= now:
        raise Unauthorized("The token has expired.")
    if max(issued_at, not_before) - rules.leeway_seconds > now:
        raise Unauthorized("The token is not valid yet.")
    if not 0 < expires_at - issued_at <= rules.max_lifetime_seconds:
        raise Unauthorized("The token's lifetime is longer than is accepted here.")
    if claims.get("iss") != rules.issuer:
        raise Unauthorized("The token's iss is missing or not ours.")
    _judge_audience(claims.get("aud"), rules.audience)
    return Principal(_subject(claims), _scopes(claims.get("scope", "")), expires_at)


def _time(claims: Mapping[str, object], name: str) -> float:
    value = claims.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise Unauthorized(f"The token's {name} is missing or not a time.")
    if not 0 <= value < 1e11:
        raise Unauthorized(f"The token's {name} is not a time.")
    return float(value)


def _judge_audience(audience: object, expected: str) -> None:
    named = audience if isinstance(audience, list) else [audience]
    if expected not in named:
        raise Unauthorized("The token's aud is missing or not ours.")


def _subject(claims: Mapping[str, object]) -> str:
    subject = claims.get("sub")
    if not isinstance(subject, str) or not 0 < len(subject) <= MAX_SUBJECT_CHARS or not subject.isprintable():
        raise Unauthorized("The token's sub is missing or not a name.")
    return subject


def _scopes(scope: object) -> frozenset[str]:
    if not isinstance(scope, str):
        raise Unauthorized("The token's scope is not a string.")
    return frozenset(scope.split())
