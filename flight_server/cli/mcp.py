"""``mcp``: the tools for agents."""

import click

from flight_client import Client
from flight_server.agents.tools import serve_agents
from flight_server.cli.session import with_client


@click.command()
@with_client()
@click.option("--http", "port", type=click.IntRange(1, 65535), help="Serve over HTTP at this port of 127.0.0.1.")
def mcp(client: Client, port: int | None) -> None:
    """Answer an agent's questions, over the Model Context Protocol.

    It talks on stdin and stdout, or over HTTP.

    Example: flight-server mcp --server grpc://127.0.0.1:8815
    """
    serve_agents(client, port)
