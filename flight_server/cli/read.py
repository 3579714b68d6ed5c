"""The commands that look: ``ls``, ``info``, ``get``, ``explain``."""

import json
from collections.abc import Callable
from typing import Any

import click

from flight_client import Client
from flight_server.cli.files import write_rows
from flight_server.cli.session import with_client


def _cql2(_: click.Context, __: click.Parameter, text: str | None) -> Any:  # noqa
    if text is None:
        return None
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise click.BadParameter(f"not JSON: {error}") from error


def _names(_: click.Context, __: click.Parameter, text: str | None) -> list[str] | None:
    return None if text is None else [name.strip() for name in text.split(",")]


_NARROWING: tuple[Callable[..., Any], ...] = (
    click.option("--columns", callback=_names, metavar="A,B", help="Only these columns, in this order."),
    click.option("--where", callback=_cql2, metavar="JSON", help="A CQL2-JSON filter."),
    click.option("--limit", type=click.IntRange(0), help="At most so many rows."),
    click.option("--order", type=click.Choice(["canonical"]), help="Sorted by the contract's order."),
    click.option("--snapshot", type=click.IntRange(0), help="This snapshot instead of the newest."),
)


@click.command()
@with_client
@click.argument("repo", required=False)
def ls(client: Client, repo: str | None) -> None:
    """List the repos, or one repo's datasets.

    Example: flight-server ls django
    """
    if repo is None:
        for name in client.repos():
            click.echo(name)
        return
    tables = client.stats(repo)["tables"]
    for name in client.datasets(repo):
        rows = tables[name]["rows"] if name in tables else ""
        click.echo(f"{name:<36} {rows:>12}".rstrip())


@click.command()
@with_client
@click.argument("repo")
@click.argument("dataset")
def info(client: Client, repo: str, dataset: str) -> None:
    """Show what a dataset is: columns, contract, lineage, snapshot.

    Example: flight-server info django callsite_qname_candidates
    """
    found = client.info(repo, dataset)
    for key, value in found.metadata.items():
        click.echo(f"{key:<10} {value if isinstance(value, str | int) else json.dumps(value)}")
    click.echo(f"{'rows':<10} {found.total_records if found.total_records is not None else 'not known without running it'}")
    click.echo("columns")
    for column in found.schema:
        click.echo(f"  {column.name:<20} {column.type}{'' if column.nullable else ', never null'}")


@click.command()
@with_client
@click.argument("repo")
@click.argument("dataset")
@click.option("-o", "--output", metavar="FILE", help="FILE.parquet, .arrow or .csv; - is Arrow IPC to stdout.")
def get(client: Client, repo: str, dataset: str, output: str | None, **narrowing: Any) -> None:
    """Read a dataset: as a table on the terminal, or into a file.

    Example: flight-server get django dim_qualified_names --limit 10
    """
    with client.read(repo, dataset, **narrowing) as reader:
        write_rows(reader, output)
