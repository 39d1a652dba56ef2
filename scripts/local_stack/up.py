"""`./scripts/up`: from nothing to an address that one can open."""

import os
import subprocess
import sys
from argparse import Namespace
from importlib.util import find_spec

from rich.console import Console
from rich.markup import escape
from rich.panel import Panel
from rich.text import Text

from scripts.local_stack import leftovers, lock, ports, run
from scripts.local_stack.folders import Folders
from scripts.local_stack.logs import last_lines
from scripts.local_stack.screen import Screen
from scripts.local_stack.secret import ensure_dotenv, settings_of
from scripts.local_stack.snapshot import Phase, StackState, StateFile
from scripts.local_stack.tokens import CONSOLE_LIFETIME_SECONDS, CannotSign, sign

_LOG_LINES_SHOWN = 12


class Refused(Exception):
    """Why nothing was started, in a sentence for the user."""


def up(options: Namespace, console: Console) -> int:
    folders = Folders()
    folders.make()
    try:
        _refuse_if_running(folders)
        _end_leftovers(folders, console)
        _refuse_taken_port(options.port)
        ensure_dotenv(folders.dotenv, os.environ)
        _pull_models(options.profile, folders)
    except Refused as refusal:
        console.print(Text.assemble(("✗ ", "red"), str(refusal)), soft_wrap=True, highlight=False)
        return 1
    wish = run.Wish(options.port, options.profile, folders, dict(os.environ))
    return _detached(wish, console) if options.detach else _here(wish, console)


def supervise(options: Namespace, console: Console) -> int:
    """What `up --detach` starts: the supervisor, with a line in its log for each change."""
    wish = run.Wish(options.port, options.profile, Folders(), dict(os.environ))
    try:
        return 0 if run.here(wish, Screen(console).show) else 1
    except lock.AlreadyRunning:
        console.print("Another supervisor runs already.")
    except ports.PortTaken as exc:
        console.print(str(exc))
    return 1


def _detached(wish: run.Wish, console: Console) -> int:
    screen = Screen(console)
    supervisor = run.Detached(wish)
    try:
        with screen.progress():
            state = supervisor.follow(screen.show)
    except KeyboardInterrupt:
        console.print("Stopping what has been started …")
        supervisor.stop()
        return 130
    if state is None or state.phase is not Phase.READY:
        _explain_failure(wish.folders, state, console)
        return 1
    _greet(wish, state, console, detached=True)
    return 0


def _here(wish: run.Wish, console: Console) -> int:
    screen = Screen(console)
    last: list[StackState] = []
    greeted = False

    def show(state: StackState) -> None:
        nonlocal greeted
        last[:] = [state]
        screen.show(state)
        if state.phase is Phase.READY and not greeted:
            greeted = True
            screen.end_progress()
            _greet(wish, state, console, detached=False)

    try:
        with screen.progress():
            started = run.here(wish, show)
    except lock.AlreadyRunning:
        console.print("Parley was started by somebody else just now. ./scripts/status shows it.")
        return 1
    except ports.PortTaken as exc:
        console.print(f"{exc} Just now it was free: another start was quicker.")
        return 1
    if not started:
        _explain_failure(wish.folders, last[0] if last else None, console)
    return 0 if started else 1


def _refuse_if_running(folders: Folders) -> None:
    if not lock.is_held(folders.lock):
        return
    state = StateFile(folders.state).read()
    where = f" at {state.url}" if state else ""
    raise Refused(f"Parley runs already{where}. ./scripts/status shows it, ./scripts/down stops it.")


def _end_leftovers(folders: Folders, console: Console) -> None:
    """The lock is free, so whatever the state file names has lost its supervisor."""
    file = StateFile(folders.state)
    state = file.read()
    survivors = state.survivors() if state else ()
    if survivors:
        names = ", ".join(process.name for process in survivors)
        console.print(f"Ending what an earlier start has left behind: {names}.", highlight=False)
        leftovers.end(survivors)
    file.remove()


def _refuse_taken_port(port: int) -> None:
    if ports.is_free(port):
        return
    holder = ports.holder(port)
    raise Refused(
        f"Port {port} is taken{f' by {holder}' if holder else ''}. "
        f"Choose another: ./scripts/up --port {ports.choose(port + 1)}"
    )


def _pull_models(profile: str, folders: Folders) -> None:
    """With its own progress bars. A folder that the user names is the user's: nothing is put into it."""
    settings = settings_of(folders.dotenv, os.environ)
    if settings.get("PARLEY_MODELS_DIR") or find_spec("services.models") is None:
        return
    command = [sys.executable, "-P", "-m", "services.models", "pull", "--profile", profile]
    environment = settings | {"PYTHONPATH": str(folders.root), "PARLEY_MODELS_DIR": str(folders.models)}
    if subprocess.run(command, env=environment, cwd=folders.root, check=False).returncode != 0:
        raise Refused("The models could not be fetched; the lines above say why. Try ./scripts/up again.")


def _greet(wish: run.Wish, state: StackState, console: Console, *, detached: bool) -> None:
    console.print(f"\n  [bold green]Parley is ready[/] in {state.start_seconds or 0:.1f} s", highlight=False)
    if state.canary and not state.canary.passing:
        console.print(f"  [yellow]But its canary failed:[/] {escape(state.canary.detail)}", highlight=False)
    console.print("\n  Console", style="bold")
    console.print(f"  {_console_address(wish, state)}", soft_wrap=True, highlight=False, style="cyan")
    stop = "./scripts/down    stop it" if detached else "Ctrl-C            stop it"
    console.print(
        "\n  ./scripts/demo    say a sentence and hear it back"
        "\n  ./scripts/status  what runs, and how it is"
        f"\n  {stop}\n",
        highlight=False,
    )


def _console_address(wish: run.Wish, state: StackState) -> str:
    settings = settings_of(wish.folders.dotenv, wish.environment)
    try:
        token = sign(settings, user="console", lifetime_seconds=CONSOLE_LIFETIME_SECONDS)
    except CannotSign:
        return f"{state.url}/"
    return f"{state.url}/#token={token}"


def _explain_failure(folders: Folders, state: StackState | None, console: Console) -> None:
    name = state.failed if state and state.failed else run.SUPERVISOR_LOG
    note = state.note if state and state.failed else "The supervisor ended."
    log = folders.log(name)
    shown = Text("\n".join(last_lines(log, _LOG_LINES_SHOWN)) or "(nothing)", overflow="fold")
    console.print(f"\n  [bold red]Parley did not start.[/] {escape(name)}: {escape(note)}\n", highlight=False)
    console.print(Panel(shown, title="the last lines of its log", title_align="left", border_style="red"))
    console.print(f"  All of it: {log}\n", highlight=False, soft_wrap=True)
