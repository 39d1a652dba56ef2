"""`./scripts/token`: a token for one's own programs, signed with the secret of this installation."""

import os
import time
from argparse import Namespace
from collections.abc import Mapping, Sequence

from rich.console import Console

from scripts.local_stack.folders import Folders
from scripts.local_stack.secret import settings_of
from services.common.auth import ALL_SCOPES, issue_token
from services.common.signing_secret import refuse_weak_secret

CONSOLE_LIFETIME_SECONDS = 12 * 3600


class CannotSign(Exception):
    """There is no secret here, or it is no good."""


def token(options: Namespace, console: Console) -> int:
    """The token alone goes to standard output, so that `$(./scripts/token …)` is the token."""
    settings = settings_of(Folders().dotenv, os.environ)
    try:
        made = sign(
            settings, user=options.user, scopes=options.scope or ALL_SCOPES, lifetime_seconds=options.ttl
        )
    except CannotSign as refusal:
        console.print(str(refusal), highlight=False, soft_wrap=True)
        return 2
    print(made)
    return 0


def sign(
    settings: Mapping[str, str],
    *,
    user: str,
    scopes: Sequence[str] = ALL_SCOPES,
    lifetime_seconds: int,
) -> str:
    """Raises CannotSign."""
    secret = settings.get("JWT_SECRET")
    if not secret:
        raise CannotSign("There is no JWT_SECRET in .env yet: run ./scripts/up once.")
    try:
        refuse_weak_secret(secret)
    except ValueError as exc:
        raise CannotSign(f"JWT_SECRET {exc}.") from exc
    return issue_token(
        secret,
        subject=user,
        scopes=scopes,
        lifetime_seconds=lifetime_seconds,
        now=time.time(),
        issuer=settings.get("JWT_ISSUER", "parley"),
        audience=settings.get("JWT_AUDIENCE", "parley"),
    )
