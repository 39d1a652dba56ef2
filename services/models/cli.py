"""`pull`, `list` and `verify`. Builds the parts out of the settings; the only module that does.

Exit codes: 0 all is well, 1 something is not, 2 it was asked wrongly, 130 or 143 it was stopped.
"""

import argparse
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import httpx
from rich.console import Console

from services.common.settings import load_settings
from services.models.download import Downloader
from services.models.errors import DiskFull, ModelsError
from services.models.library import Library
from services.models.listing import as_json, print_table
from services.models.manifest import Catalogue, Model, read_catalogue
from services.models.package_index import PipIndex
from services.models.profiles import DEFAULT_PROFILE, Profile, profile, profiles
from services.models.progress import Reporter, reporter_for
from services.models.pull import Puller
from services.models.settings import ModelsSettings
from services.models.sources import sources_of
from services.models.verify import Verdict, verify

EXIT_FAILED, EXIT_USAGE, EXIT_INTERRUPTED, EXIT_TERMINATED = 1, 2, 130, 143
_COLUMNS_WITHOUT_TERMINAL = 160
_SERVICES = Path(__file__).parent.parent


def main(arguments: Sequence[str]) -> int:
    asked = _parser().parse_args(arguments)
    console = Console(soft_wrap=True)
    if not console.is_terminal:
        console.width = _COLUMNS_WITHOUT_TERMINAL
    try:
        commands = _Commands(load_settings(ModelsSettings), read_catalogue(_SERVICES), console)
        return int(getattr(commands, f"run_{asked.command}")(asked))
    except ModelsError as error:
        console.print(str(error), style="red", markup=False, highlight=False)
        return EXIT_FAILED if isinstance(error, DiskFull) else EXIT_USAGE
    except KeyboardInterrupt:
        console.print("stopped; the next pull goes on from here")
        return EXIT_INTERRUPTED


class _Commands:
    """One method for each command: the exit code it ends with."""

    def __init__(self, settings: ModelsSettings, catalogue: Catalogue, console: Console) -> None:
        self._settings = settings
        self._catalogue = catalogue
        self._console = console
        self._library = Library(settings.parley_models_dir)

    def run_pull(self, asked: argparse.Namespace) -> int:
        wanted = Profile.of(asked.names) if asked.names else profile(asked.profile)
        needed = [self._models(choice) for choice in wanted.choices]
        welcome = self._models(wanted.optional)
        reporter = reporter_for(self._console)
        with (
            self._library.locked(lambda: reporter.say("another pull is at work; waiting for it")),
            self._puller(asked, reporter) as puller,
        ):
            had = [puller.pull_first(choice) for choice in needed]
            for model in welcome:
                puller.pull_welcome(model)
        return 0 if all(had) else EXIT_FAILED

    def run_list(self, asked: argparse.Namespace) -> int:
        if asked.json:
            self._console.print_json(as_json(self._catalogue, self._library))
        else:
            print_table(self._catalogue, self._library, self._console)
        return 0

    def run_verify(self, asked: argparse.Namespace) -> int:
        models = self._models(asked.names) or list(self._catalogue)
        verdicts = [verify(model, self._library, named=bool(asked.names)) for model in models]
        for verdict in verdicts:
            self._show(verdict)
        return 0 if all(verdict.good for verdict in verdicts) else EXIT_FAILED

    def _show(self, verdict: Verdict) -> None:
        for sentence in verdict.sentences:
            self._console.print(sentence, markup=False, highlight=False, style="" if verdict.good else "red")

    def _models(self, names: Sequence[str]) -> list[Model]:
        return [self._catalogue.model(name) for name in names]

    @contextmanager
    def _puller(self, asked: argparse.Namespace, reporter: Reporter) -> Iterator[Puller]:
        settings = self._settings
        timeout = httpx.Timeout(
            settings.parley_models_read_seconds, connect=settings.parley_models_connect_seconds
        )
        with httpx.Client(timeout=timeout, follow_redirects=True) as client:
            sources = partial(
                sources_of,
                local=asked.folder or settings.parley_models_from,
                downloader=Downloader(client, reporter),
                index=PipIndex(timeout_seconds=settings.parley_models_pip_seconds),
            )
            yield Puller(
                self._library, reporter, sources, now=lambda: datetime.now(UTC), replace=asked.replace
            )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m services.models", description="The models that the services need."
    )
    commands = parser.add_subparsers(dest="command", required=True)

    pull = commands.add_parser("pull", help="fetch models, check them and put them in place")
    what = pull.add_mutually_exclusive_group()
    what.add_argument("names", nargs="*", default=[], metavar="NAME", help="a model that `list` names")
    what.add_argument("--profile", choices=list(profiles()), default=DEFAULT_PROFILE, help="a set of models")
    pull.add_argument(
        "--from", dest="folder", type=Path, metavar="FOLDER", help="look here before any address"
    )
    pull.add_argument("--replace", action="store_true", help="fetch anew what is there already")

    listing = commands.add_parser("list", help="which models there are, and which are here")
    listing.add_argument("--json", action="store_true", help="for programs")

    verifying = commands.add_parser("verify", help="read every byte that was pulled and compare")
    verifying.add_argument("names", nargs="*", metavar="NAME", help="a model; none: all that are here")
    return parser
