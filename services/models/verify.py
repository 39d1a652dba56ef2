"""Reads every byte of a model and compares it with what was pulled, or with the manifest."""

from collections.abc import Sequence
from dataclasses import dataclass

from services.models.by_hand import by_hand
from services.models.library import Library, State, differences
from services.models.manifest import Model


@dataclass(frozen=True, slots=True)
class Verdict:
    """`sentences` is empty for a model that is neither here nor asked for by name."""

    good: bool
    sentences: Sequence[str]


def verify(model: Model, library: Library, *, named: bool) -> Verdict:
    """A model that is not here is a fault only where it was `named`."""
    held = library.held(model)
    if held.state in {State.ABSENT, State.PARTLY_FETCHED}:
        return Verdict(not named, [f"{model.name}: {held.state}"] if named else [])
    folder = library.folder_of(model)
    if held.record is None:
        found = by_hand(model, folder)
        faults = [f"{path} is missing" for path in found.missing]
        faults += [f"{path} is not the manifest's" for path in found.other]
    else:
        faults = differences(folder, held.record)
        if held.state is State.OUTDATED:
            faults.append("the manifest names another version")
    if faults:
        return Verdict(False, [f"{model.name}: {fault}" for fault in faults])
    return Verdict(True, [f"{model.name}: every byte as it should be"])
