"""`./scripts/down`: stops everything, in order, and says so only when it is true."""

import os
import signal
import time
from argparse import Namespace

from rich.console import Console

from scripts.local_stack import leftovers, lock
from scripts.local_stack.folders import Folders
from scripts.local_stack.snapshot import StackState, StateFile

_STOP_SECONDS = 90.0
_POLL_SECONDS = 0.1


def down(_: Namespace, console: Console) -> int:
    folders = Folders()
    file = StateFile(folders.state)
    state = file.read()
    if not lock.is_held(folders.lock) and not (state and state.survivors()):
        file.remove()
        console.print("Parley is not running.")
        return 0
    with console.status("Stopping …"):
        clean = state is None or _supervisor_stopped(folders, state)
        left = state.survivors() if state else ()
        leftovers.end(left)
    if lock.is_held(folders.lock):
        console.print(f"The supervisor does not end. See {folders.log('supervisor')}", highlight=False)
        return 1
    file.remove()
    names = ", ".join(process.name for process in left)
    console.print("Parley has stopped." if clean and not left else f"Parley was stopped; killed: {names}.")
    return 0


def _supervisor_stopped(folders: Folders, state: StackState) -> bool:
    """Asks it to stop, and waits for as long as its processes may take together; for its own end too."""
    supervisor = state.supervisor
    if supervisor is None or not supervisor.alive():
        return False
    os.kill(supervisor.pid, signal.SIGTERM)
    until = time.monotonic() + _STOP_SECONDS
    while (lock.is_held(folders.lock) or supervisor.alive()) and time.monotonic() < until:
        time.sleep(_POLL_SECONDS)
    return not lock.is_held(folders.lock)
