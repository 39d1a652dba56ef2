"""Who the validator is: a token that is given, or one made with the secret that the services use."""

import time
from collections.abc import Mapping
from pathlib import Path

from services.common.auth import ALL_SCOPES, issue_token

USER = "integration-validator"
_LIFETIME_SECONDS = 1800


def secret_of(environment: Mapping[str, str], dotenv: Path) -> str | None:
    """JWT_SECRET from the environment, else from the file that ./scripts/up writes."""
    if environment.get("JWT_SECRET"):
        return environment["JWT_SECRET"]
    if not dotenv.is_file():
        return None
    lines = dotenv.read_text(encoding="utf-8").splitlines()
    return next((line.partition("=")[2].strip() for line in lines if line.startswith("JWT_SECRET=")), None)


def fresh(secret: str) -> str:
    return _issue(secret, time.time())


def expired(secret: str) -> str:
    return _issue(secret, time.time() - 2 * _LIFETIME_SECONDS)


def _issue(secret: str, now: float) -> str:
    return issue_token(secret, subject=USER, scopes=ALL_SCOPES, lifetime_seconds=_LIFETIME_SECONDS, now=now)
