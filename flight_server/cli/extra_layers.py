"""The optional layers of ``ingest``: ``--scip`` reads an index file, ``--runtime`` imports modules."""

import importlib
import importlib.util
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import click

from flight_client import Client
from flight_client.extract import MissingExtraError
from flight_client.ingest import SourceFolder
from flight_client.runtime import SECONDS, inspect_modules, put_inspection
from flight_server.cli.session import grouped
from flight_server.cli.sources import progress_bar
from flight_server.cli.table import one_line

_SCIP = "flight_client.scip"  # imports the protobuf library, which only the extra installs


def _modules(_: click.Context, __: click.Parameter, text: str | None) -> tuple[str, ...]:
    names = () if text is None else tuple(dict.fromkeys(name.strip() for name in text.split(",")))
    for name in names:
        if not all(step.isidentifier() for step in name.split(".")):
            raise click.BadParameter(f"{name!r} is not a module's name")
    return names


def _folders(_: click.Context, __: click.Parameter, text: str | None) -> tuple[str, str] | None:
    if text is None:
        return None
    old, equals, new = text.partition("=")
    if not equals:
        raise click.BadParameter(f"{text!r} is not OLD=NEW")
    return old, new


def _installed(_context: click.Context, _option: click.Parameter, value: Path | None) -> Path | None:
    """Raises MissingExtraError before any work is done."""
    if value is not None and (
        importlib.util.find_spec("google") is None or importlib.util.find_spec("google.protobuf") is None
    ):
        raise MissingExtraError("--scip needs protobuf: pip install 'flight-server[scip]'")
    return value


@dataclass(frozen=True)
class ExtraLayers:
    """The values of the options; None or empty if an option was not given.

    Raises a usage error for an option that would have no effect.
    """

    index: Path | None
    prefix: tuple[str, str] | None
    modules: tuple[str, ...]
    python: str | None
    seconds: float | None

    def __post_init__(self) -> None:
        if self.prefix is not None and self.index is None:
            raise click.UsageError("--scip-prefix needs --scip")
        for option, value in (("--runtime-python", self.python), ("--runtime-timeout", self.seconds)):
            if value is not None and not self.modules:
                raise click.UsageError(f"{option} needs --runtime")


# Adds the options to a command, which gets them as ExtraLayers in its argument ``extras``.
with_extras = grouped(
    "extras",
    ExtraLayers,
    click.option(
        "--scip",
        "index",
        type=click.Path(path_type=Path, dir_okay=False, exists=True),
        callback=_installed,
        help="Also put this SCIP index of the folder; it replaces the previous index.",
    ),
    click.option(
        "--scip-prefix",
        "prefix",
        callback=_folders,
        metavar="OLD=NEW",
        help="The index's folder OLD is the repo's folder NEW; either may be empty.",
    ),
    click.option(
        "--runtime",
        "modules",
        callback=_modules,
        metavar="MODULE,…",
        help="Import these modules of the folder, which runs their code, and put a description of their objects.",
    ),
    click.option(
        "--runtime-python",
        "python",
        metavar="PYTHON",
        help="The interpreter that imports the modules, 3.11 or newer.  [default: this one]",
    ),
    click.option(
        "--runtime-timeout",
        "seconds",
        type=click.FloatRange(min=0, min_open=True),
        metavar="SECONDS",
        help=f"The time limit for each module.  [default: {SECONDS:g}]",
    ),
)


def put_extras(client: Client, source: SourceFolder, extras: ExtraLayers) -> None:
    """Put the requested layers, and print a line on each; on a terminal a bar shows the progress."""
    if extras.index is not None:
        click.echo(_put_index(client, source.repo, extras.index, extras.prefix or ("", "")))
    if extras.modules:
        listed = ", ".join(extras.modules)
        click.echo(f"warning: --runtime imports modules, and so runs their code: {listed}", err=True)
        _inspect_and_put(client, source, extras)


def _put_index(client: Client, repo: str, index: Path, prefix: tuple[str, str]) -> str:
    scip = importlib.import_module(_SCIP)
    with progress_bar("reading the index") as show:
        done = scip.put_index(client, index, repo=repo, prefix=scip.PathPrefix(*prefix), progress=show)
    line = f"{repo}: {done.documents} documents of the SCIP index, {sum(done.rows.values())} rows put"
    if done.unmatched:
        line += f", {done.unmatched} of files that the repo does not have"
    if done.left_out:
        line += f", {done.left_out} documents outside left out"
    return f"{line}; snapshot {done.snapshot}"


def _inspect_and_put(client: Client, source: SourceFolder, extras: ExtraLayers) -> None:
    """Inspect and put what can be imported; then raise a usage error if a module can't."""
    python, seconds, modules = extras.python or sys.executable, extras.seconds or SECONDS, extras.modules
    found = inspect_modules(source.root, modules, python=python, seconds=seconds)
    _print_problems("failed", found.errors)
    _print_problems("incomplete", found.notes)
    done = put_inspection(client, source.repo, found)
    click.echo(
        f"{source.repo}: {len(modules) - len(found.errors)} of {len(modules)} modules inspected,"
        f" {sum(done.rows.values())} rows put; snapshot {done.snapshot}"
    )
    if found.errors:
        raise click.UsageError(f"--runtime could not import {', '.join(found.errors)}; the others are stored")


def _print_problems(outcome: str, messages: Mapping[str, str]) -> None:
    for module, message in messages.items():
        click.echo(f"{outcome}: {module}: {one_line(message)}", err=True)
