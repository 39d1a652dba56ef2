"""Runs the supervisor: in this terminal (`up`), or in a session of its own (`up --detach`)."""

import asyncio
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

from gateway.whereabouts import write_note
from scripts.local_stack import lock, ports
from scripts.local_stack.folders import Folders
from scripts.local_stack.plan import VOICE, Plan, make_plan, places, process_specs
from scripts.local_stack.probes import sing
from scripts.local_stack.processes import launch
from scripts.local_stack.secret import settings_of
from scripts.local_stack.snapshot import Phase, ProcessId, StackState, StateFile
from scripts.local_stack.supervisor import Supervisor

_FOLLOW_EVERY_SECONDS = 0.1
SUPERVISOR_LOG = "supervisor"


@dataclass(frozen=True, slots=True)
class Wish:
    """What the user asked for."""

    port: int
    profile: str
    folders: Folders
    environment: dict[str, str]

    def plan(self) -> Plan:
        settings = settings_of(self.folders.dotenv, self.environment)
        return make_plan(self.port, self.profile, self.folders, settings)


def here(wish: Wish, on_change: Callable[[StackState], None]) -> bool:
    """Until Ctrl-C or SIGTERM. False: something did not start. Raises AlreadyRunning, PortTaken."""
    with lock.held(wish.folders.lock), ports.reserved(wish.port):
        return asyncio.run(_supervise(wish.plan(), StateFile(wish.folders.state, on_change)))


async def _supervise(plan: Plan, file: StateFile) -> bool:
    write_note(places(plan), plan.folders.whereabouts)
    first = StackState(
        Phase.STARTING, plan.url, plan.profile, ProcessId.of_this_process(), started_at=time.time()
    )
    supervisor = Supervisor(
        process_specs(plan), first, file, launch=launch, canary=lambda: sing(plan.inner_url(VOICE, "/health"))
    )
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, supervisor.request_stop)
    return await supervisor.run()


class Detached:
    """A supervisor in a session of its own: it outlives the terminal."""

    def __init__(self, wish: Wish) -> None:
        self._file = StateFile(wish.folders.state)
        self._file.remove()
        command = [sys.executable, "-P", "-m", "scripts.local_stack", "supervise"]
        command += ["--port", str(wish.port), "--profile", wish.profile]
        with wish.folders.log(SUPERVISOR_LOG).open("ab") as log:
            self._process = subprocess.Popen(
                command,
                env=wish.environment | {"PYTHONPATH": str(wish.folders.root)},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def follow(self, on_change: Callable[[StackState], None]) -> StackState | None:
        """Until it is ready or has ended; the last state that was seen."""
        seen: StackState | None = None
        while True:
            ended = self._process.poll() is not None
            state = self._file.read()
            if state is not None and state != seen:
                seen = state
                on_change(state)
            if ended or (state is not None and state.phase is Phase.READY):
                return seen
            time.sleep(_FOLLOW_EVERY_SECONDS)

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait()
