"""``top``: the running calls of a server, and a way to cancel one."""

import sys
import time
from collections.abc import Mapping

import click

from flight_client import Client
from flight_client.tickets import Json
from flight_server.cli.session import with_client
from flight_server.cli.table import one_line, print_rows

_HEADER = ("call", "method", "identity", "dataset", "rows", "bytes", "seconds", "state")


@click.command()
@with_client()
@click.option("--interval", type=click.FloatRange(0.1), default=2.0, show_default=True, metavar="SECONDS")
@click.option("--cancel", metavar="CALL", help="Cancel this call instead.")
def top(client: Client, interval: float, cancel: str | None) -> None:
    """Show the running calls of a server, or cancel one.

    On a terminal the list is shown again and again until Ctrl-C.

    Example: flight-server top
    """
    if cancel is not None:
        if not client.maintenance.cancel(cancel):
            raise click.UsageError(f"there is no running call {cancel}")
        click.echo(f"{cancel}: cancelled")
        return
    while True:
        calls = client.maintenance.calls()
        if sys.stdout.isatty():
            click.clear()
        print_rows(_HEADER, [_row(call) for call in calls])
        if not sys.stdout.isatty():
            return
        time.sleep(interval)


def _row(call: Mapping[str, Json]) -> list[str]:
    target = "/".join(str(call.get(key)) for key in ("repo", "dataset") if call.get(key))
    words = (call.get("request_id"), call.get("method"), call.get("identity") or "anonymous", target)
    state = "waits for its client" if call.get("waiting") else "works"
    return [one_line(word) for word in (*words, call.get("rows"), call.get("bytes"), call.get("seconds"), state)]
