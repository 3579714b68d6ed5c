"""The report on files that could not be parsed, which every command prints that has extracted files."""

import sys

import click

from flight_client import Client
from flight_client.extract import scan
from flight_client.extract.other_parser import version_of
from flight_client.ingest import Ingested, SourceFolder
from flight_client.parse_errors import newer_interpreters, parse_errors, readable
from flight_server.cli.table import one_line

SHOWN = 3


def report_parse_errors(client: Client, source: SourceFolder, done: Ingested) -> None:
    """Print to stderr how many files have errors, the first of them, and which interpreter would parse them."""
    errors = parse_errors(client, done.repo, done.snapshot)
    paths = {error.path for error in errors}
    if not paths:
        return
    shown = "; ".join(one_line(str(error)) for error in errors[:SHOWN])
    more = f"; and {len(errors) - SHOWN} more in cst_parse_errors" if len(errors) > SHOWN else ""
    click.echo(f"{done.repo}: {len(paths)} of {done.files} files have errors: {shown}{more}", err=True)
    if done.snapshot is not None:
        click.echo(f"{done.repo}: {_advice(source, paths)}", err=True)


def _advice(source: SourceFolder, paths: set[str]) -> str:
    used = sys.version_info[:2] if source.python is None else max(sys.version_info[:2], version_of(source.python))
    files = [file for file in scan(source.root, include=source.include, exclude=source.exclude) if file.path in paths]
    version, python = next(newer_interpreters(used), ("", ""))
    name = f"Python {used[0]}.{used[1]}"
    if not python:
        return f"no interpreter newer than {name} was found that could read them; --python PATH names one"
    count = len(readable(python, files))
    if not count:
        return f"none of them needs newer syntax: Python {version} can't read them either"
    return f"{count} of them need newer syntax than {name} has; Python {version} reads them: --python {python}"
