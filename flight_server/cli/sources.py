"""Ingesting a folder on the command line: options, a progress bar on a terminal, and a line on the result."""

import re
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import click

from flight_client import Client
from flight_client.extract import DEFAULT_LAYERS, LAYERS, NotAFolderError
from flight_client.extract.layers import known_layers
from flight_client.extract.other_parser import version_of
from flight_client.ingest import Ingested, SourceFolder, ingest_source
from flight_server.cli.parse_report import report_parse_errors
from flight_server.cli.session import grouped


def _layers(_: click.Context, __: click.Parameter, text: str) -> tuple[str, ...]:
    return known_layers(name.strip() for name in text.split(","))


def _source(
    path: Path,
    repo: str | None,
    jobs: int | None,
    layers: tuple[str, ...],
    include: tuple[str, ...],
    exclude: tuple[str, ...],
    parser: str | None,
    label: str | None,
    source_root: tuple[Path, ...],
) -> SourceFolder:
    return SourceFolder(path, repo or repo_name(path), layers, include, exclude, jobs, parser, label, source_root)


def _python(_: click.Context, __: click.Parameter, python: str | None) -> str | None:
    """The interpreter, which must run; raises BadPythonError."""
    if python is not None:
        version_of(python)
    return python


# Adds the options to a command, which gets them as a SourceFolder in its argument ``source``.
with_source = grouped(
    "source",
    _source,
    click.argument("path", type=click.Path(path_type=Path)),
    click.option("--repo", help="The repo's name.  [default: the folder's name]"),
    click.option("--jobs", type=click.IntRange(1), help="Extraction processes.  [default: one for each core]"),
    click.option(
        "--layers",
        callback=_layers,
        metavar="LAYERS",
        default=",".join(DEFAULT_LAYERS),
        show_default=True,
        help=f"The layers to extract: any of {', '.join(LAYERS)}.",
    ),
    click.option(
        "--include", multiple=True, metavar="GLOB", help="Only files that match, as in .gitignore; repeatable."
    ),
    click.option(
        "--exclude",
        multiple=True,
        metavar="GLOB",
        help="No files that match; !GLOB includes files that are otherwise left out; repeatable.",
    ),
    click.option(
        "--python",
        "parser",
        callback=_python,
        metavar="PATH",
        help="Another Python interpreter, which parses the files that this one can't; it needs no packages.",
    ),
    click.option("--label", help="A name for the snapshot, such as a version."),
    click.option(
        "--source-root",
        multiple=True,
        type=click.Path(path_type=Path),
        metavar="DIR",
        help="A folder in PATH that modules are imported from; repeatable.  [default: found from build files, imports]",
    ),
)


@dataclass(frozen=True)
class Done:
    """The result of an ingest with its duration; ``str`` gives the line to print."""

    ingested: Ingested
    seconds: float

    @property
    def has_changed(self) -> bool:
        """Whether there is a new snapshot."""
        return self.ingested.snapshot is not None

    def __str__(self) -> str:
        done = self.ingested
        repaired = "".join(f"{done.repo}: {step}\n" for step in done.repaired)
        if not self.has_changed:
            return f"{repaired}{done.repo}: {done.files} files, nothing changed"
        rows = sum(done.rows.values())
        return (
            f"{repaired}{done.repo}: {done.files} files, {done.extracted} extracted, {done.removed} removed,"
            f" {rows} rows put in {self.seconds:.1f} s; snapshot {done.snapshot}"
        )


def ingest_with_progress(client: Client, source: SourceFolder) -> Done:
    """Bring a repo up to date with a folder, and report parse errors; on a terminal a bar shows the progress."""
    started = time.monotonic()
    with progress_bar("extracting") as show:
        result = ingest_source(client, source, show)
    done = Done(result, time.monotonic() - started)
    report_parse_errors(client, source, result)
    return done


@contextmanager
def progress_bar(label: str) -> Iterator[Callable[[int, int], None]]:
    """A bar on a terminal; the block gets a function that is called with the numbers of finished and of all items."""
    hidden = not (sys.stdout.isatty() and sys.stderr.isatty())
    with click.progressbar(length=1, label=label, file=sys.stderr, hidden=hidden) as bar:

        def show(done: int, total: int) -> None:
            bar.length = max(total, 1)
            bar.update(done - bar.pos)

        yield show


def repo_name(path: Path) -> str:
    """A repo's name, made from its folder's name; forbidden characters become ``-``."""
    folder = path.resolve()
    if not folder.is_dir():
        raise NotAFolderError(f"{path} is not a folder")
    return re.sub(r"[^A-Za-z0-9._-]", "-", folder.name).lstrip(".")[:100] or "repo"
