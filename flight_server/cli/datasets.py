"""The commands that read one dataset: ``info``, ``get``, ``diff``, ``explain``."""

import json
import sys
from collections import Counter
from collections.abc import Mapping
from typing import Unpack, cast

import click

from flight_client import Client
from flight_client.contracts.notation import meaning
from flight_client.tickets import Cql2, Narrowing
from flight_server.cli.session import options, with_client
from flight_server.cli.table import print_rows
from flight_server.cli.table_files import write_rows
from flight_server.cli.waiting import interruptible_rows


def _cql2(_: click.Context, __: click.Parameter, text: str | None) -> Cql2 | str | None:
    """The filter: JSON if it begins as an object, else text."""
    if text is None or not text.lstrip().startswith("{"):
        return text
    try:
        document: Cql2 = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise click.BadParameter(f"not JSON: {error}") from error
    return document


def _names(_: click.Context, __: click.Parameter, text: str | None) -> list[str] | None:
    return None if text is None else [name.strip() for name in text.split(",")]


_REPO = click.argument("repo")
_DATASET = options(_REPO, click.argument("dataset"))
_ROWS = options(
    click.option("--columns", callback=_names, metavar="A,B", help="Only these columns, in this order."),
    click.option("--where", callback=_cql2, metavar="FILTER", help="A filter: CQL2 as text or JSON."),
    click.option("--limit", type=click.IntRange(0), help="At most this many rows."),
)
_NARROWING = options(
    _ROWS,
    click.option("--order", type=click.Choice(["canonical"]), help="Sort by the contract's order."),
    click.option("--snapshot", type=click.IntRange(0), help="This snapshot instead of the newest."),
)
_OUTPUT = options(
    click.option("--vertical", is_flag=True, help="Each column on a line of its own."),
    click.option("-o", "--output", metavar="FILE", help="FILE.parquet, .arrow or .csv; - writes Arrow IPC to stdout."),
)


@click.command()
@with_client()
@_REPO
@click.argument("dataset", required=False)
def info(client: Client, repo: str, dataset: str | None) -> None:
    """Show a dataset's columns, contract, lineage and snapshot, or a repo's source roots.

    Without DATASET: the folders that modules are imported from, how many modules each has, and why it is one.

    Example: flight-server info django callsite_qname_candidates
    """
    if dataset is None:
        _print_source_roots(client, repo)
        return
    found = client.info(repo, dataset)
    for key, value in found.metadata.items():
        click.echo(f"{key:<10} {value if isinstance(value, str | int) else json.dumps(value)}")
    click.echo(f"{'rows':<10} {found.rows if found.rows is not None else 'not known without running it'}")
    click.echo("columns")
    for column in found.schema:
        click.echo(f"  {column.name:<20} {column.type}{'' if column.nullable else ', never null'}")
        click.echo(f"  {'':<20} {meaning(column)}")


def _print_source_roots(client: Client, repo: str) -> None:
    with client.read(repo, "modules", columns=["source_root", "reason"]) as reader:
        roots = Counter((row["source_root"], row["reason"]) for row in reader.read_all().to_pylist())
    click.echo(f"{'source root':<34} {'modules':>8}  reason")
    for (root, reason), count in sorted(roots.items()):
        click.echo(f"{root:<34} {count:>8}  {reason}")


@click.command()
@with_client()
@_DATASET
@_NARROWING
@_OUTPUT
def get(
    client: Client, repo: str, dataset: str, output: str | None, *, vertical: bool, **narrowing: Unpack[Narrowing]
) -> None:
    """Read a dataset: as a table on the terminal, or into a file.

    A table shows the columns that fit, those for people first; --vertical or --columns shows others.

    Example: flight-server get django definitions --where "kind = 'class'" --limit 10
    """
    _show(client, repo, dataset, output, vertical=vertical, **narrowing)


def _show(
    client: Client, repo: str, dataset: str, output: str | None, *, vertical: bool, **narrowing: Unpack[Narrowing]
) -> None:
    shown = "vertical" if vertical else "fitting" if narrowing["columns"] is None and sys.stdout.isatty() else None
    with client.read(repo, dataset, **narrowing) as reader:
        write_rows(interruptible_rows(reader, f"computing {dataset}"), output, shown)


@click.command()
@with_client()
@_REPO
@click.argument("old", type=click.IntRange(1))
@click.argument("new", type=click.IntRange(1))
@click.argument("dataset", required=False)
@_ROWS
@_OUTPUT
def diff(
    client: Client,
    repo: str,
    old: int,
    new: int,
    dataset: str | None,
    output: str | None,
    *,
    vertical: bool,
    **narrowing: Unpack[Narrowing],
) -> None:
    """Show what changed between two snapshots of a repo.

    Without DATASET: how many rows of each raw table. With it, the rows: the column change says whether a row was added
    or removed, or is the old or new row of a key that is in both. With --columns, rows differ if these columns do.

    Example: flight-server diff django 7 8 definitions
    """
    if dataset is not None:
        narrowing["since"], narrowing["snapshot"] = old, new
        _show(client, repo, dataset, output, vertical=vertical, **narrowing)
        return
    counts = cast("Mapping[str, Mapping[str, int]]", client.maintenance.diff(repo, old, new)["datasets"])
    print_rows(
        ("table", "added", "removed"), [(name, *map(str, (n["added"], n["removed"]))) for name, n in counts.items()]
    )


@click.command()
@with_client()
@_DATASET
@_NARROWING
def explain(client: Client, repo: str, dataset: str, **narrowing: Unpack[Narrowing]) -> None:
    """Show how a read would run, without running it.

    Shown are the plan before and after the optimizer, and the scans of each part.

    Example: flight-server explain django callsite_qname_candidates --columns qname
    """
    click.echo(client.explain(repo, dataset, **narrowing)["text"])
