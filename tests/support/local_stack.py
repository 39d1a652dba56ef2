"""The whole suite, really running: what `./scripts/up` starts, for tests that come from outside.

Uses the stack of this checkout if it runs already, else starts one and stops it afterwards. A test that
breaks things starts processes of its own instead: this stack is everybody's.
"""

import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import httpx

from scripts.local_stack import lock
from scripts.local_stack.folders import ROOT, Folders
from scripts.local_stack.ports import choose
from scripts.local_stack.secret import settings_of
from scripts.local_stack.snapshot import Phase, StackState, StateFile
from scripts.local_stack.tokens import sign
from services.common.auth import ALL_SCOPES

START_SECONDS = 600.0
"""Models may have to be fetched; only ever reached when a test fails."""
_ANSWER_SECONDS = 300.0
_TOKEN_SECONDS = 3600


@dataclass(frozen=True, slots=True)
class LocalStack:
    """`state` is that of the moment it was ready; `read_state` tells of now."""

    state: StackState
    folders: Folders

    @property
    def base_url(self) -> str:
        """Of the gateway, such as `http://localhost:8080`."""
        return self.state.url

    def token(self, user: str = "ann", scopes: Sequence[str] = ALL_SCOPES) -> str:
        """A good token of this installation, for an hour."""
        settings = settings_of(self.folders.dotenv, os.environ)
        return sign(settings, user=user, scopes=scopes, lifetime_seconds=_TOKEN_SECONDS)

    def client(self, user: str = "ann", scopes: Sequence[str] = ALL_SCOPES) -> httpx.Client:
        """A caller at the gateway, with a token. The caller closes it."""
        headers = {"Authorization": f"Bearer {self.token(user, scopes)}"}
        return httpx.Client(base_url=self.base_url, headers=headers, timeout=_ANSWER_SECONDS)

    def inner_url(self, process: str) -> str:
        """Where a process listens behind the gateway: for what is not to be had from outside."""
        port = next(one.port for one in self.state.processes if one.name == process)
        return f"http://127.0.0.1:{port}"

    def log(self, process: str) -> str:
        return self.folders.log(process).read_text(encoding="utf-8")

    def read_state(self) -> StackState:
        state = StateFile(self.folders.state).read()
        assert state is not None, "the stack does not run any more"
        return state


@contextmanager
def local_stack() -> Iterator[LocalStack]:
    folders = Folders()
    started_here = not lock.is_held(folders.lock)
    if started_here:
        _run("up", "--detach", "--port", str(choose(8080)))
    try:
        state = StateFile(folders.state).read()
        assert state is not None, "the stack did not say where it runs"
        assert state.phase is Phase.READY, f"the stack is {state.phase}"
        yield LocalStack(state, folders)
    finally:
        if started_here:
            _run("down")


def _run(*command: str) -> None:
    """`./scripts/…` without its making of the environment: these tests run in one already."""
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-P", "-m", "scripts.local_stack", *command],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=START_SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
