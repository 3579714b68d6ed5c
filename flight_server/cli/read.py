"""The commands that look: ``ls``, ``info``, ``get``, ``explain``."""

import json
from typing import Unpack

import click

from flight_client import Client, DatasetInfo
from flight_client.pushdown import Cql2
from flight_client.tickets import Narrowing
from flight_server.cli.files import write_rows
from flight_server.cli.session import options, with_client


def _cql2(_: click.Context, __: click.Parameter, text: str | None) -> Cql2 | None:
    try:
        document = None if text is None else json.loads(text)
    except (ValueError, RecursionError) as error:
        raise click.BadParameter(f"not JSON: {error}") from error
    if text is not None and not isinstance(document, dict):
        raise click.BadParameter('not a JSON object such as {"op": "=", "args": [{"property": "name"}, "main"]}')
    return document


def _tag(found: DatasetInfo, key: str) -> str:
    tags = found.metadata.get("tags")
    return str(tags.get(key)) if isinstance(tags, dict) else ""


def _names(_: click.Context, __: click.Parameter, text: str | None) -> list[str] | None:
    return None if text is None else [name.strip() for name in text.split(",")]


_NARROWING = (
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
    """List the repos, or one repo's datasets: outputs first, then the raw tables, with their rows where known.

    Example: flight-server ls django
    """
    if repo is None:
        for name in client.repos():
            click.echo(name)
        return
    for found in sorted(client.infos(repo), key=lambda each: _tag(each, "kind") == "raw"):
        rows = "-" if found.rows is None else found.rows
        click.echo(f"{found.dataset:<34} {rows:>12}  {_tag(found, 'kind'):<7} {_tag(found, 'layer')}")


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
    click.echo(f"{'rows':<10} {found.rows if found.rows is not None else 'not known without running it'}")
    click.echo("columns")
    for column in found.schema:
        click.echo(f"  {column.name:<20} {column.type}{'' if column.nullable else ', never null'}")


@click.command()
@with_client
@click.argument("repo")
@click.argument("dataset")
@options(*_NARROWING)
@click.option("-o", "--output", metavar="FILE", help="FILE.parquet, .arrow or .csv; - is Arrow IPC to stdout.")
def get(client: Client, repo: str, dataset: str, output: str | None, **narrowing: Unpack[Narrowing]) -> None:
    """Read a dataset: as a table on the terminal, or into a file.

    Example: flight-server get django dim_qualified_names --limit 10
    """
    with client.read(repo, dataset, **narrowing) as reader:
        write_rows(reader, output)


@click.command()
@with_client
@click.argument("repo")
@click.argument("dataset")
@options(*_NARROWING)
def explain(client: Client, repo: str, dataset: str, **narrowing: Unpack[Narrowing]) -> None:
    """Show what a read would do: its plan before and after the optimizer, and what it scans in each part.

    Example: flight-server explain django callsite_qname_candidates --columns qname
    """
    click.echo(client.explain(repo, dataset, **narrowing)["text"])
