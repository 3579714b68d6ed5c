"""Where the values of a server's options come from: the command line, the environment, a TOML file, or the default.

The option --max-streams is the variable FLIGHT_SERVER_MAX_STREAMS, and the key max-streams in the file.
"""

import re
import tomllib
from collections.abc import Mapping
from pathlib import Path

import click
from click.core import ParameterSource

from flight_server.cli.log_output import LOG_OPTIONS
from flight_server.cli.server_options import SERVER_OPTIONS, size_text
from flight_server.cli.session import Command

PREFIX = "FLIGHT_SERVER"
_PASSWORD = re.compile(r"(://[^/@:]*:)[^/@]*@")  # in a URI
_FILE = "flight_server.config_file"


def _load(context: click.Context, _: click.Parameter, path: Path | None) -> None:
    """Take the file's values as defaults of the command's options."""
    if path is None:
        return
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise click.UsageError(f"{path} is not TOML: {error}") from error
    names = {_key(option): option.name for option in _configurable(context.command)}
    unknown = sorted(set(document) - set(names))
    if unknown:
        raise click.UsageError(f"{path}: unknown keys: {', '.join(unknown)}; allowed: {', '.join(sorted(names))}")
    nested = [key for key, value in document.items() if isinstance(value, dict)]
    if nested:
        raise click.UsageError(f"{path}: {nested[0]} is a table; allowed: a text, number, true, false or list")
    context.default_map = {str(names[key]): value for key, value in document.items()}
    context.meta[_FILE] = path


CONFIG_OPTION = click.option(
    "--config",
    is_eager=True,  # before the options that it gives values
    expose_value=False,
    callback=_load,
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help=f"A TOML file with values for these options; {PREFIX}_… variables and the command line override it.",
)


def configurable(function: Command) -> click.Command:
    """A command whose options may come from the environment and from a file."""
    return click.command(context_settings={"auto_envvar_prefix": PREFIX})(CONFIG_OPTION(function))


@configurable
@SERVER_OPTIONS
@LOG_OPTIONS
def config(**_values: object) -> None:
    """Show the values of a server's options, and where each comes from.

    The output is a TOML file for --config. Passwords in URIs are masked.

    Example: flight-server config --config server.toml
    """
    context = click.get_current_context()
    lines = [(_line(option, context.params), _source(option, context)) for option in _configurable(context.command)]
    width = max(len(line) for line, _ in lines)
    for line, source in lines:
        click.echo(f"{line:<{width}}  # {source}")


def _configurable(command: click.Command) -> list[click.Option]:
    return [each for each in command.params if isinstance(each, click.Option) and each.name != "config"]


def _key(option: click.Parameter) -> str:
    return max(option.opts, key=len).lstrip("-")


def _line(option: click.Option, values: Mapping[str, object]) -> str:
    key, value = _key(option), values[str(option.name)]
    if value is None:
        return f"# {key} ="
    return f"{key} = {_toml(size_text(value) if option.metavar == 'SIZE' and isinstance(value, int) else value)}"


def _toml(value: object) -> str:
    match value:
        case bool():
            return str(value).lower()
        case int() | float():
            return str(value)
        case list() | tuple():
            return f"[{', '.join(map(_toml, value))}]"
    escaped = _PASSWORD.sub(r"\1***@", str(value)).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _source(option: click.Option, context: click.Context) -> str:
    match context.get_parameter_source(str(option.name)):
        case ParameterSource.COMMANDLINE:
            return "command line"
        case ParameterSource.ENVIRONMENT:
            return f"environment: {PREFIX}_{str(option.name).upper()}"
        case ParameterSource.DEFAULT_MAP:
            return f"file: {context.meta[_FILE]}"
    return "default"
