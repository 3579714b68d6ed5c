"""Inspection at run time as the command line offers it: modules by name, a warning, and what became of each."""

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import wraps
from pathlib import Path

import click

from flight_client import Client
from flight_client.runtime import inspect_modules, put_inspection
from flight_client.runtime.inspection import SECONDS
from flight_server.cli.session import Command, options
from flight_server.cli.table import one_line


class Modules(click.ParamType[tuple[str, ...]]):
    """Modules by dotted name, commas between them."""

    name = "modules"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, ...]:
        """The names, each once."""
        if isinstance(value, tuple):
            return value
        names = tuple(dict.fromkeys(name.strip() for name in str(value).split(",")))
        for name in names:
            if not all(step.isidentifier() for step in name.split(".")):
                self.fail(f"{name!r} is no module's name", param, ctx)
        return names


@dataclass(frozen=True)
class Runtime:
    """What is asked for: the modules, the interpreter that imports them, and the seconds that each may take."""

    modules: tuple[str, ...]
    python: str
    seconds: float


_RUNTIME = (
    click.option(
        "--runtime",
        "modules",
        type=Modules(),
        default=(),
        metavar="MODULE,…",
        help="Import these modules of the folder, which runs their code, and put what they are made of.",
    ),
    click.option(
        "--runtime-python",
        default=sys.executable,
        metavar="PYTHON",
        help="The interpreter that imports them, 3.11 or newer.  [default: this one]",
    ),
    click.option(
        "--runtime-timeout",
        type=click.FloatRange(min=0, min_open=True),
        default=SECONDS,
        show_default=True,
        metavar="SECONDS",
        help="The time for each of them.",
    ),
)


def with_runtime(command: Command) -> Command:
    """A command that is given a Runtime, and the options that say which."""

    @options(*_RUNTIME)
    @wraps(command)
    def run(modules: tuple[str, ...], runtime_python: str, runtime_timeout: float, **others: object) -> None:
        command(runtime=Runtime(modules, runtime_python, runtime_timeout), **others)

    return run


def inspect_and_put(client: Client, repo: str, root: Path, runtime: Runtime) -> None:
    """Replace what the repo's ``rt_*`` tables say by these modules; says what was done, and what went wrong."""
    listed = ", ".join(runtime.modules)
    click.echo(f"warning: --runtime imports modules, and so runs their code: {listed}", err=True)
    found = inspect_modules(root, runtime.modules, python=runtime.python, seconds=runtime.seconds)
    _tell("failed", found.errors)
    _tell("incomplete", found.notes)
    done = put_inspection(client, repo, found)
    click.echo(
        f"{repo}: {len(runtime.modules) - len(found.errors)} of {len(runtime.modules)} modules inspected,"
        f" {sum(done.rows.values())} rows put; snapshot {done.snapshot}"
    )


def _tell(outcome: str, messages: Mapping[str, str]) -> None:
    for module, message in messages.items():
        click.echo(f"{outcome}: {module}: {one_line(message)}", err=True)
