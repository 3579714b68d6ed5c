"""``ingest --scip``: the index of a folder, put beside what was extracted from it."""

import importlib
import importlib.util
import sys
from pathlib import Path

import click

from flight_client import Client
from flight_client.extract import MissingExtraError
from flight_server.cli.session import options

_MODULE = "flight_client.scip"  # needs the protobuf library, which the package does not


class _Prefix(click.ParamType[tuple[str, str]]):
    """``OLD=NEW``."""

    name = "prefix"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, str]:
        """Both folders."""
        if isinstance(value, tuple):
            return value
        old, equals, new = str(value).partition("=")
        if not equals:
            self.fail(f"{value!r} is not OLD=NEW", param, ctx)
        return old, new


def _installed(_context: click.Context, _option: click.Parameter, value: Path | None) -> Path | None:
    """Raises MissingExtraError before anything is begun."""
    if value is not None and (
        importlib.util.find_spec("google") is None or importlib.util.find_spec("google.protobuf") is None
    ):
        raise MissingExtraError("--scip needs protobuf: pip install 'flight-server[scip]'")
    return value


SCIP_OPTIONS = options(
    click.option(
        "--scip",
        "index",
        type=click.Path(path_type=Path, dir_okay=False, exists=True),
        callback=_installed,
        help="Put this SCIP index of the folder as well; the index that was there goes.",
    ),
    click.option(
        "--scip-prefix",
        "prefix",
        type=_Prefix(),
        default="=",
        metavar="OLD=NEW",
        help="The index's folder OLD is the repo's NEW; either may be empty.",
    ),
)


def put_index(client: Client, repo: str, index: Path, prefix: tuple[str, str]) -> str:
    """Put the index into the repo; on a terminal a bar shows how far it is. Says what was done."""
    scip = importlib.import_module(_MODULE)
    hidden = not (sys.stdout.isatty() and sys.stderr.isatty())
    with click.progressbar(length=1, label="reading the index", file=sys.stderr, hidden=hidden) as bar:

        def show(done: int, total: int) -> None:
            bar.length = total
            bar.update(done - bar.pos)

        done = scip.put_index(client, index, repo=repo, prefix=scip.PathPrefix(*prefix), progress=show)
    told = f"{repo}: {done.documents} documents of the SCIP index, {sum(done.rows.values())} rows put"
    if done.unmatched:
        told += f", {done.unmatched} of files that the repo does not have"
    if done.left_out:
        told += f", {done.left_out} documents outside left out"
    return f"{told}; snapshot {done.snapshot}"
