"""``sql``: one query, from the command line or from stdin; or a prompt for queries."""

import sys

import click

from flight_client import Client
from flight_server.cli.session import Target, interruptible, with_target
from flight_server.cli.sql_prompt import run_prompt
from flight_server.cli.table_files import SHOWN, write_rows
from flight_server.cli.waiting import interruptible_rows


@click.command()
@with_target()
@click.argument("repo")
@click.argument("query", required=False)
@click.option("-o", "--output", metavar="FILE", help="FILE.parquet, .arrow, .csv or .jsonl; -: Arrow IPC.")
@click.option("--format", "shown", type=click.Choice([*SHOWN]), help="How rows are written to stdout.")
@click.option("--vertical", is_flag=True, help="Each column on a line of its own, as --format vertical.")
def sql(target: Target, repo: str, query: str | None, output: str | None, shown: str | None, *, vertical: bool) -> None:
    """Ask a question in SQL, or open a prompt for questions.

    The tables are the datasets of REPO; those of another repo are named as in other.call_graph. Without QUERY, a
    terminal gets a prompt, and a pipe is read as the query.

    Example: flight-server sql django "select kind, count(*) from cst_defs group by all"
    """
    shown = "vertical" if vertical else shown
    with target.client() as client:
        if query is None and sys.stdin.isatty():
            run_prompt(client, repo, shown)
            return
        with interruptible():
            _write(client, repo, query or sys.stdin.read(), output, shown)


def _write(client: Client, repo: str, query: str, output: str | None, shown: str | None) -> None:
    with client.sql(query, repo=repo) as reader:
        write_rows(interruptible_rows(reader), output, shown)
