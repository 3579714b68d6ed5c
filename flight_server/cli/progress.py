"""Ingest as the command line shows it: a progress bar on a terminal, and a line that says what was done."""

import re
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import click

from flight_client import Client
from flight_client.extract import LAYERS, NotAFolderError
from flight_client.extract.layers import known_layers
from flight_client.ingest import Ingested, ingest


class Layers(click.ParamType[tuple[str, ...]]):
    """Layers by name, commas between them."""

    name = "layers"

    def convert(self, value: object, _param: click.Parameter | None, _ctx: click.Context | None) -> tuple[str, ...]:
        """The layers; raises UnknownLayerError."""
        return known_layers(name.strip() for name in str(value).split(","))


EXTRACTION_OPTIONS = (
    click.option("--jobs", type=click.IntRange(1), help="Processes that extract.  [default: one for each core]"),
    click.option(
        "--layers", type=Layers(), default=",".join(LAYERS), show_default=True, help="What is extracted of each file."
    ),
)


def ingest_with_progress(client: Client, path: Path, repo: str, jobs: int | None, layers: Sequence[str]) -> str:
    """Bring a repo up to date with a folder; returns what was done, for people."""
    started = time.monotonic()
    hidden = not (sys.stdout.isatty() and sys.stderr.isatty())
    with click.progressbar(length=1, label="extracting", file=sys.stderr, hidden=hidden) as bar:

        def show(done: int, total: int) -> None:
            bar.length = max(total, 1)
            bar.update(done - bar.pos)

        result = ingest(client, path, repo=repo, jobs=jobs, layers=layers, progress=show)
    return _summary(result, time.monotonic() - started)


def repo_name(path: Path) -> str:
    """A repo's name from its folder's: characters that names can't have become ``-``."""
    folder = path.resolve()
    if not folder.is_dir():
        raise NotAFolderError(f"{path} is not a folder")
    return re.sub(r"[^A-Za-z0-9._-]", "-", folder.name).lstrip(".")[:100] or "repo"


def _summary(done: Ingested, seconds: float) -> str:
    if done.snapshot is None:
        return f"{done.repo}: {done.files} files, nothing changed"
    rows = sum(done.rows.values())
    return (
        f"{done.repo}: {done.files} files, {done.extracted} extracted, {done.removed} removed, {rows} rows put in"
        f" {seconds:.1f} s; snapshot {done.snapshot}"
    )
