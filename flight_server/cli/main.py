"""``flight-server``: finds the command, and turns what goes wrong into one line and an exit code.

Exit codes: 0 done, 2 the user's error (one line on stderr), 130 interrupted before the work was done.
"""

import importlib
import os
import sys
from collections.abc import Mapping
from types import MappingProxyType

import click
from flight_client.errors import FlightClientError

from arrowdsl.errors import DataError

USER_ERROR, INTERRUPTED = 2, 130
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


@click.group(cls=LazyCommands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="flight-server")
def commands() -> None:
    """Python code as tables, served over Arrow Flight."""


def main() -> None:
    """Run the command line."""
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")  # gRPC would write lines of its own to stderr
    try:
        commands.main(standalone_mode=False)
    except click.ClickException as error:
        _fail(error.format_message())
    except (DataError, FlightClientError) as error:
        _fail(error.message)
    except (click.Abort, KeyboardInterrupt):
        sys.exit(INTERRUPTED)
    except BrokenPipeError:  # the reader of a pipe has seen enough
        sys.stderr.close()
    except OSError as error:  # a path that the system refuses: too long, in a folder that may not be read
        _fail(str(error))


def _fail(message: str) -> None:
    click.echo(f"error: {' '.join(message.split())}", err=True)
    sys.exit(USER_ERROR)
