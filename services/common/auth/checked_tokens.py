"""Remembers the tokens whose signature was found good, so that a client's next request costs no cryptography.

Only what never changes is remembered: the header and the claims that a key vouched for. Whether the claims
are accepted is judged at each request; a key that was exchanged or withdrawn vouches for nothing more.
Used by verifier.py.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Key = str | Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class CheckedToken:
    header: Mapping[str, Any]
    claims: Mapping[str, Any]
    key: Key
    """Under which the signature holds."""


class CheckedTokens:
    """The last `tokens_max` of them, by their SHA-256: the tokens themselves are not kept."""

    def __init__(self, tokens_max: int = 1024) -> None:
        self._tokens_max = tokens_max
        self._checked: dict[bytes, CheckedToken] = {}

    def __len__(self) -> int:
        return len(self._checked)

    def get(self, token: str) -> CheckedToken | None:
        return self._checked.get(_digest(token))

    def add(self, token: str, checked: CheckedToken) -> None:
        digest = _digest(token)
        self._checked.pop(digest, None)
        if len(self._checked) >= self._tokens_max:
            del self._checked[next(iter(self._checked))]
        self._checked[digest] = checked


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()
