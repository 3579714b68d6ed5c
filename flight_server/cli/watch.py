"""Watching a folder: saved files are ingested at once."""

import importlib
import importlib.util
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import click

from arrowdsl.errors import DataError
from flight_client import Client
from flight_client.extract import MissingExtraError
from flight_client.extract.gitignore import GIT_FOLDER, IGNORE_FILE
from flight_client.extract.source_files import SKIPPED_FOLDERS, SUFFIXES
from flight_client.extract.source_roots import BUILD_FILES
from flight_client.ingest import SourceFolder
from flight_server.cli.exits import report
from flight_server.cli.session import Signals
from flight_server.cli.sources import ingest_with_progress

LIBRARY = "watchfiles"
QUIET_MILLISECONDS = 50  # saved files are ingested after this time without a further save
LOOK_MILLISECONDS = 1000


def _installed(_context: click.Context, _option: click.Parameter, value: object) -> bool:
    """Raises MissingExtraError before any work is done."""
    if value and importlib.util.find_spec(LIBRARY) is None:
        raise MissingExtraError(f"--watch needs {LIBRARY}: pip install 'flight-server[watch]'")
    return bool(value)


WATCH_OPTION = click.option(
    "--watch", is_flag=True, callback=_installed, help="Ingest again whenever a source file is saved."
)


def watch_and_ingest(client: Client, source: SourceFolder, signals: Signals) -> None:
    """Ingest whenever files may have changed, and print a line on the result, until a signal (see ``interruptible``).

    After an error, which is printed, the next change starts a new ingest.
    """
    for _ in changes(source.root, signals):
        try:
            done = ingest_with_progress(client, source)
        except DataError as error:
            report(error)
        else:
            if done.has_changed:
                click.echo(done)


def changes(root: Path, end: Signals) -> Iterator[None]:
    """An item once the folder is watched, for earlier changes; then an item whenever files may have changed.

    If the folder is removed and made again, as by a new checkout, the new one is watched; the removal is a change too.
    The iterator ends soon after ``end`` is set.
    """
    while not end.is_set():
        with suppress(FileNotFoundError):
            yield from _changes_of(root, end, _identity(root))
        if not end.is_set():
            yield
        while not end.is_set() and not root.is_dir():
            time.sleep(LOOK_MILLISECONDS / 1000)


def _identity(folder: Path) -> tuple[int, int]:
    status = folder.stat()
    return status.st_dev, status.st_ino


def _changes_of(root: Path, end: Signals, known: tuple[int, int]) -> Iterator[None]:
    """The items of ``changes`` while the folder has the identity ``known``."""
    watch: Callable[..., Iterator[set[object]]] = importlib.import_module(LIBRARY).watch
    events = watch(
        root,
        watch_filter=lambda _, path: may_matter(root, Path(path)),
        step=QUIET_MILLISECONDS,
        rust_timeout=LOOK_MILLISECONDS,
        yield_on_timeout=True,
        stop_event=end,
    )
    has_begun = False
    for event in events:
        if _identity(root) != known:
            return
        if event or not has_begun:
            has_begun = True
            yield


def may_matter(root: Path, path: Path) -> bool:
    """Whether the path may be a source file, a build file, a file of ignore rules, or a folder with such files."""
    *folders, name = path.relative_to(root.absolute()).parts or ("",)
    if {GIT_FOLDER, *SKIPPED_FOLDERS}.intersection(folders):
        return False
    return name.endswith(SUFFIXES) or name in {IGNORE_FILE, *BUILD_FILES} or "." not in name
