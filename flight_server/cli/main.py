"""``flight-server``: finds the command and runs it.

The help loads nothing but click, since most commands import libraries for half a second.
"""

import importlib
import os
import sys
from collections.abc import Mapping
from types import MappingProxyType

import click

from flight_server.cli.exits import EXPECTED, report

_MAINTENANCE = "flight_server.cli.maintenance_commands"
# Each command's module, and the first sentence of its help.
COMMANDS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "up": ("flight_server.cli.up", "Extract a folder of Python source, and serve it."),
        "demo": ("flight_server.cli.up", "Extract and serve the small example repo that comes with the package."),
        "serve": ("flight_server.cli.up", "Serve a store as it is."),
        "config": (
            "flight_server.cli.configuration",
            "Show the values of a server's options, and where each comes from.",
        ),
        "ingest": ("flight_server.cli.write", "Extract a folder of Python source into a server."),
        "ls": ("flight_server.cli.listing", "List the repos, or the datasets of one repo."),
        "info": (
            "flight_server.cli.datasets",
            "Show a dataset's columns, contract, lineage and snapshot, or a repo's source roots.",
        ),
        "get": ("flight_server.cli.datasets", "Read a dataset: as a table on the terminal, or into a file."),
        "sql": ("flight_server.cli.sql", "Ask a question in SQL, or open a prompt for questions."),
        "mcp": ("flight_server.cli.mcp", "Answer an agent's questions, over the Model Context Protocol."),
        "explain": ("flight_server.cli.datasets", "Show how a read would run, without running it."),
        "put": ("flight_server.cli.write", "Put a Parquet, Arrow IPC or CSV file into a raw table."),
        "drop": ("flight_server.cli.write", "Remove a repo with all its snapshots and cached results."),
        "token": (
            "flight_server.cli.token_commands",
            "Make, list or revoke the tokens by which callers are recognized.",
        ),
        "certs": ("flight_server.cli.certs", "Make a CA and certificates for development."),
        "top": ("flight_server.cli.top", "Show the running calls of a server, or cancel one."),
        "snapshots": (_MAINTENANCE, "List the snapshots of a repo, the oldest first."),
        "rollback": (_MAINTENANCE, "Go back to an older snapshot: its rows become the newest snapshot."),
        "pin": (_MAINTENANCE, "Keep a snapshot, however many newer ones there are."),
        "diff": ("flight_server.cli.datasets", "Show what changed between two snapshots of a repo."),
        "prune": (_MAINTENANCE, "Retire old snapshots, and delete the files that no other snapshot needs."),
        "du": (_MAINTENANCE, "Show the bytes of repos on disk."),
        "backup": (
            "flight_server.cli.backup",
            "Write a snapshot's raw tables as Parquet into a new folder or .tar file.",
        ),
        "restore": (
            "flight_server.cli.backup",
            "Put the tables of a backup back, as the newest snapshot of their repo.",
        ),
        "check": (_MAINTENANCE, "Read every stored file, and report damage; exits with 1 if there is any."),
    }
)


class LazyCommands(click.Group):
    """Imports a command's module only when the command is run or its help is shown."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The commands in the order of use."""
        return [*COMMANDS, *super().list_commands(ctx)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of that name."""
        if cmd_name not in COMMANDS:
            return super().get_command(ctx, cmd_name)
        command: click.Command = getattr(importlib.import_module(COMMANDS[cmd_name][0]), cmd_name)
        return command

    def format_commands(self, _ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The commands with their summaries from COMMANDS, without importing their modules."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, summary) for name, (_, summary) in COMMANDS.items()])

    def invoke(self, ctx: click.Context) -> None:
        """Run the command. If the reader of its output closes the pipe (``| head``), the command ends without error."""
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
