"""Where the services are: as the environment says, or else as `./scripts/up` of this checkout has noted.

In containers the environment and the routing file say it all. On one machine the inner ports are chosen at
each start; the local stack leaves a note, so that the gateway's commands find it without being told.
"""

import os
from collections.abc import Mapping
from pathlib import Path

NOTE = Path(__file__).resolve().parent.parent / ".parley" / "whereabouts.env"
BASE_URL = "PARLEY_URL"
"""The gateway's own address in the note."""


def whereabouts(environment: Mapping[str, str] = os.environ) -> dict[str, str]:
    """The environment over the note, which is where PARLEY_WHEREABOUTS says, or else NOTE."""
    return {**_noted(Path(environment.get("PARLEY_WHEREABOUTS", NOTE))), **environment}


def write_note(places: Mapping[str, str], note: Path) -> None:
    note.write_text("".join(f"{name}={value}\n" for name, value in places.items()), encoding="utf-8")


def _noted(note: Path) -> dict[str, str]:
    try:
        lines = note.read_text(encoding="utf-8").splitlines()
    except OSError:
        return {}
    return {name: value for name, _, value in (line.partition("=") for line in lines) if name}
