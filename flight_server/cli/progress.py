"""Ingest as the command line shows it: a progress bar on a terminal, and a line that says what was done."""

import re
import sys
import time
from dataclasses import dataclass
from functools import wraps
from pathlib import Path

import click

from flight_client import Client
from flight_client.extract import DEFAULT_LAYERS, LAYERS, NotAFolderError
from flight_client.extract.layers import known_layers
from flight_client.ingest import Ingested, Source, ingest_source
from flight_server.cli.session import Command, options


class Layers(click.ParamType[tuple[str, ...]]):
    """Layers by name, commas between them."""

    name = "layers"

    def convert(self, value: object, _param: click.Parameter | None, _ctx: click.Context | None) -> tuple[str, ...]:
        """The layers; raises UnknownLayerError."""
        return known_layers(name.strip() for name in str(value).split(","))


_SOURCE = (
    click.argument("path", type=click.Path(path_type=Path)),
    click.option("--repo", help="The repo's name.  [default: the folder's name]"),
    click.option("--jobs", type=click.IntRange(1), help="Processes that extract.  [default: one for each core]"),
    click.option(
        "--layers",
        type=Layers(),
        default=",".join(DEFAULT_LAYERS),
        show_default=True,
        help=f"What is extracted of each file, of {', '.join(LAYERS)}.",
    ),
    click.option(
        "--include", multiple=True, metavar="GLOB", help="Only what this matches, as in .gitignore; repeatable."
    ),
    click.option(
        "--exclude",
        multiple=True,
        metavar="GLOB",
        help="Nothing that this matches; !GLOB takes back in what is otherwise left out; repeatable.",
    ),
)


def with_source(command: Command) -> Command:
    """A command that is given a Source, and the arguments and options that say which."""

    @options(*_SOURCE)
    @wraps(command)
    def run(
        path: Path,
        repo: str | None,
        jobs: int | None,
        layers: tuple[str, ...],
        include: tuple[str, ...],
        exclude: tuple[str, ...],
        **others: object,
    ) -> None:
        source = Source(path, repo or repo_name(path), layers, include, exclude, jobs)
        command(source=source, **others)

    return run


@dataclass(frozen=True)
class Done:
    """What an ingest did, and how long it took; as a string, a line for people."""

    ingested: Ingested
    seconds: float

    @property
    def has_changed(self) -> bool:
        """Whether there is a new snapshot."""
        return self.ingested.snapshot is not None

    def __str__(self) -> str:
        done = self.ingested
        if not self.has_changed:
            return f"{done.repo}: {done.files} files, nothing changed"
        rows = sum(done.rows.values())
        return (
            f"{done.repo}: {done.files} files, {done.extracted} extracted, {done.removed} removed, {rows} rows put in"
            f" {self.seconds:.1f} s; snapshot {done.snapshot}"
        )


def ingest_with_progress(client: Client, source: Source) -> Done:
    """Bring a repo up to date with a folder; on a terminal a bar shows how far it is."""
    started = time.monotonic()
    hidden = not (sys.stdout.isatty() and sys.stderr.isatty())
    with click.progressbar(length=1, label="extracting", file=sys.stderr, hidden=hidden) as bar:

        def show(done: int, total: int) -> None:
            bar.length = max(total, 1)
            bar.update(done - bar.pos)

        result = ingest_source(client, source, show)
    return Done(result, time.monotonic() - started)


def repo_name(path: Path) -> str:
    """A repo's name from its folder's: characters that names can't have become ``-``."""
    folder = path.resolve()
    if not folder.is_dir():
        raise NotAFolderError(f"{path} is not a folder")
    return re.sub(r"[^A-Za-z0-9._-]", "-", folder.name).lstrip(".")[:100] or "repo"
