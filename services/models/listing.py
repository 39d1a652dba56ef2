"""The table of `list`: each model, what it is for, and how it stands in the folder."""

import json
from collections.abc import Iterable

from rich.console import Console
from rich.table import Table

from services.models.library import Held, Library, State
from services.models.manifest import Model
from services.models.progress import megabytes

_STYLES = {State.READY: "green", State.BY_HAND: "green", State.DAMAGED: "red", State.OUTDATED: "yellow"}


def print_table(models: Iterable[Model], library: Library, console: Console) -> None:
    table = Table(title=f"Models in {library.folder}", title_justify="left")
    for heading in ("name", "purpose", "languages", "licence"):
        table.add_column(heading)
    table.add_column("size", justify="right")
    table.add_column("state")
    for model in models:
        held = library.held(model)
        table.add_row(
            model.name,
            model.purpose,
            ", ".join(model.languages),
            model.licence,
            _size(model, held),
            f"[{_STYLES.get(held.state, 'dim')}]{held.state}[/]",
        )
    console.print(table)


def as_json(models: Iterable[Model], library: Library) -> str:
    """The same for programs: one object for each model."""
    return json.dumps([_entry(model, library.held(model)) for model in models], indent=2)


def _entry(model: Model, held: Held) -> dict[str, object]:
    return {
        "name": model.name,
        "purpose": model.purpose,
        "languages": list(model.languages),
        "licence": model.licence,
        "bytes": _bytes(model, held),
        "state": held.state.value,
        "source": held.record.source if held.record else None,
        "trusted_on_first_use": held.record.trusted_on_first_use if held.record else None,
    }


def _bytes(model: Model, held: Held) -> int | None:
    there = held.state not in {State.ABSENT, State.PARTLY_FETCHED}
    return held.bytes if there else model.bytes or (model.archive.bytes if model.archive else None)


def _size(model: Model, held: Held) -> str:
    count = _bytes(model, held)
    return megabytes(count) if count else "?"
