"""Brings models into their folder: asks each source in turn, and lets nothing in that is not whole."""

import shutil
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from pathlib import Path

from services.models.by_hand import adopted, by_hand
from services.models.errors import DiskFull, SourceFailed, Unreachable
from services.models.library import Library, State
from services.models.manifest import Model
from services.models.progress import Reporter, megabytes
from services.models.record import ModelRecord, with_first_use_checksums
from services.models.sources import Source
from services.models.staging import Staging


def free_bytes_on(folder: Path) -> int:
    return shutil.disk_usage(folder).free


class Puller:
    """`sources_of` gives a model's sources, first asked first; `now` the time for the record."""

    def __init__(
        self,
        library: Library,
        reporter: Reporter,
        sources_of: Callable[[Model], Iterable[Source]],
        *,
        now: Callable[[], datetime],
        free_bytes: Callable[[Path], int] = free_bytes_on,
        replace: bool = False,
    ) -> None:
        self._library = library
        self._reporter = reporter
        self._sources_of = sources_of
        self._now = now
        self._free_bytes = free_bytes
        self._replace = replace

    def pull(self, model: Model) -> bool:
        """Whether the model is there now. Raises DiskFull."""
        held = self._library.held(model)
        if held.state is State.READY and not self._replace:
            self._say(model, f"there already, {megabytes(held.bytes)}")
            return True
        if held.state is State.BY_HAND and not self._replace:
            return self._left_as_it_is(model)
        self._refuse_without_room(model)
        return self._from_any_source(with_first_use_checksums(model, held.record))

    def pull_first(self, choice: Sequence[Model]) -> bool:
        """One of them: what is there already, or else the first that can be had."""
        there = [model for model in choice if self._library.held(model).state is State.READY]
        return any(self.pull(model) for model in (there or choice))

    def pull_welcome(self, model: Model) -> None:
        """A model whose absence only costs what it would have given."""
        if not self.pull(model):
            self._say(model, "it goes on without")

    def _from_any_source(self, model: Model) -> bool:
        with self._library.staging(model) as staging:
            for source in self._sources_of(model):
                if self._filled(staging, source):
                    record = staging.record(source=source.name, pulled_at=self._now())
                    self._library.install(staging, record)
                    self._announce(model, record)
                    return True
        self._say(model, "no source gives it")
        return False

    def _filled(self, staging: Staging, source: Source) -> bool:
        staging.restart()
        try:
            source.fill(staging, self._library.downloads_of(staging.model))
            staging.files()
        except Unreachable as error:
            if not error.already_said:
                self._reporter.say(f"{error}: not asked again")
        except SourceFailed as error:
            self._say(staging.model, f"not from {source.name}: {error}")
        else:
            return True
        return False

    def _left_as_it_is(self, model: Model) -> bool:
        """A folder that somebody made is not written over; with the manifest's bytes it counts as pulled."""
        folder = self._library.folder_of(model)
        found = by_hand(model, folder)
        if found.missing:
            self._say(
                model, f"put in by hand, without {', '.join(found.missing)}; `--replace` takes its place"
            )
        elif found.other or not found.same:
            self._say(model, "put in by hand, with other files than the manifest's; left as it is")
        else:
            adopted(model, found.same, now=self._now()).write(folder)
            self._say(model, "put in by hand, and just what the manifest names")
        return not found.missing

    def _refuse_without_room(self, model: Model) -> None:
        needed, folder = model.bytes or 0, self._library.folder
        if self._free_bytes(folder) < needed:
            raise DiskFull(f"{model.name} needs {megabytes(needed)}, and {folder} has not that much room")

    def _announce(self, model: Model, record: ModelRecord) -> None:
        self._say(model, f"ready, {megabytes(record.bytes)} from {record.source}")
        if record.trusted_on_first_use:
            self._say(model, "nobody has published its checksum: it is trusted as it came, and held to that")

    def _say(self, model: Model, sentence: str) -> None:
        self._reporter.say(f"{model.name}: {sentence}")
