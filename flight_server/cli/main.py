"""``flight-server``: finds the command and runs it."""

import importlib
import os
import sys
from collections.abc import Mapping
from types import MappingProxyType

import click

from flight_server.cli.exits import EXPECTED, report

COMMANDS: Mapping[str, str] = MappingProxyType(
    {
        "up": "flight_server.cli.up:up",
        "demo": "flight_server.cli.up:demo",
        "serve": "flight_server.cli.up:serve",
        "ingest": "flight_server.cli.write:ingest",
        "ls": "flight_server.cli.read:ls",
        "info": "flight_server.cli.read:info",
        "get": "flight_server.cli.read:get",
        "explain": "flight_server.cli.read:explain",
        "put": "flight_server.cli.write:put",
        "drop": "flight_server.cli.write:drop",
    }
)


class LazyCommands(click.Group):
    """Imports a command's module when the command is asked for: the pipeline takes half a second to load."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The commands in the order of use."""
        return [*COMMANDS, *super().list_commands(ctx)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of that name."""
        if cmd_name not in COMMANDS:
            return super().get_command(ctx, cmd_name)
        module, _, name = COMMANDS[cmd_name].partition(":")
        command: click.Command = getattr(importlib.import_module(module), name)
        return command

    def invoke(self, ctx: click.Context) -> None:
        """Run the command; one whose output nobody reads any more (``| head``) is done."""
        try:
            super().invoke(ctx)
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


@click.group(cls=LazyCommands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="flight-server")
def commands() -> None:
    """Python code as tables, served over Arrow Flight."""


def main() -> None:
    """Run the command line."""
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")  # gRPC would write lines of its own to stderr
    try:
        commands.main(standalone_mode=False)
    except EXPECTED as error:
        sys.exit(report(error))
