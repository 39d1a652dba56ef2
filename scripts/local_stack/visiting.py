"""How a script of ours finds the suite that runs here, and with which token it asks."""

import os

from scripts.local_stack.folders import Folders
from scripts.local_stack.secret import settings_of
from scripts.local_stack.snapshot import StateFile
from scripts.local_stack.tokens import sign

_DEFAULT_URL = "http://localhost:8080"


def running_url() -> str:
    state = StateFile(Folders().state).read()
    return state.url if state else _DEFAULT_URL


def own_token(user: str, lifetime_seconds: int) -> str:
    """Raises CannotSign."""
    settings = settings_of(Folders().dotenv, os.environ)
    return sign(settings, user=user, lifetime_seconds=lifetime_seconds)
