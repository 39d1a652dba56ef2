"""`./scripts/drill`: the scenes one after the other on the running stack, then the scorecard."""

import asyncio
import json
import os
import subprocess
import sys
from argparse import Namespace
from dataclasses import asdict

import httpx
from rich.console import Console

from scripts.local_stack import lock, ports
from scripts.local_stack.drill import scorecard
from scripts.local_stack.drill.playing import Drill, NotWell
from scripts.local_stack.drill.scenes import SCENES
from scripts.local_stack.drill.small_disk import small_disk
from scripts.local_stack.folders import ROOT, Folders
from scripts.local_stack.secret import settings_of
from scripts.local_stack.snapshot import Phase, StackState, StateFile
from scripts.local_stack.tokens import CannotSign, sign

_TOKEN_SECONDS = 3600
_SHORT_ANSWERS = {
    "LLM_ANSWER_TOKENS": "16",
    "AGENT_REVISIONS_MAX": "0",
    "AGENT_CHECK_WITH_MODEL": "false",
}
"""For a stack that only the drill uses: what is said does not matter, and everybody waits for it."""
EXIT_OK, EXIT_FALLS_SHORT, EXIT_NOTHING_TO_BREAK = 0, 1, 2


def drill(options: Namespace, console: Console) -> int:
    """0: all as promised; 1: somewhere it falls short; 2: there is nothing to break."""
    if not options.start or lock.is_held(Folders().lock):
        return _on_the_running_stack(options, console)
    with small_disk(Folders().valkey):
        try:
            port = str(ports.choose(8080))
            started = _local_stack("up", "--detach", "--profile", "tiny", "--port", port)
            return started or _on_the_running_stack(options, console)
        finally:
            _local_stack("down")


def _local_stack(*command: str) -> int:
    """`./scripts/…`, from inside of the environment."""
    environment = {**_SHORT_ANSWERS, **os.environ, "PYTHONPATH": str(ROOT)}
    whole = [sys.executable, "-P", "-m", "scripts.local_stack", *command]
    return subprocess.run(whole, env=environment, cwd=ROOT, check=False).returncode


def _on_the_running_stack(options: Namespace, console: Console) -> int:
    state = StateFile(Folders().state).read()
    if state is None or state.phase is not Phase.READY:
        console.print("Parley is not running. Start it: ./scripts/up --detach")
        return EXIT_NOTHING_TO_BREAK
    try:
        scores = asyncio.run(_play(state, options.only, console))
    except CannotSign as refusal:
        console.print(str(refusal), soft_wrap=True)
        return EXIT_NOTHING_TO_BREAK
    except NotWell as unwell:
        console.print(f"Not well before anything was broken: {unwell}. See ./scripts/status", soft_wrap=True)
        return EXIT_NOTHING_TO_BREAK
    if options.json:
        print(json.dumps([asdict(one) for one in scores], indent=2))
    else:
        scorecard.show(scores, console)
    return EXIT_FALLS_SHORT if any(one.shortfalls for one in scores) else EXIT_OK


async def _play(state: StackState, only: str | None, console: Console) -> list[scorecard.Score]:
    settings = settings_of(Folders().dotenv, os.environ)
    token = sign(settings, user="drill", lifetime_seconds=_TOKEN_SECONDS)
    headers = {"Authorization": f"Bearer {token}"}
    scenes = [scene for scene in SCENES if only is None or only in scene.name]
    async with httpx.AsyncClient(base_url=state.url, headers=headers, trust_env=False) as client:
        return await Drill(
            client,
            StateFile(Folders().state),
            lambda line: console.print(line, highlight=False, soft_wrap=True),
        ).play(scenes)
