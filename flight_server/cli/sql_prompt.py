"""A prompt for SQL: history, completion of keywords, tables and columns; Ctrl-C stops a query, Ctrl-D ends."""

import readline
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

import click

from arrowdsl.errors import DataError
from flight_client import Client
from flight_server.cli.exits import report
from flight_server.cli.session import interruptible
from flight_server.cli.table_files import write_rows
from flight_server.cli.waiting import interruptible_rows

HISTORY = Path.home() / ".flight_server_history"
_HISTORY_LINES = 1000
_KEYWORDS = (
    "select from where group by order limit join left using on and or not in like between is null as distinct having"
    " union all with recursive case when then else end desc asc count sum min max avg describe show tables explain"
)
_PROMPT, _MORE = "sql> ", "...> "


def run_prompt(client: Client, repo: str, shown: str | None) -> None:
    """Read queries, which end with ``;``, and print their rows, until the end of the input."""
    _prepare(_completions(client, repo))
    click.echo("A query ends with ; and Ctrl-C stops it. Tab completes tables and columns. Ctrl-D ends.")
    try:
        while (query := _next_query()) is not None:
            if query.strip(" ;\n"):
                _answer(client, repo, query, shown)
    finally:
        with suppress(OSError):  # a home that can't be written has no history
            readline.write_history_file(HISTORY)


def _answer(client: Client, repo: str, query: str, shown: str | None) -> None:
    try:
        with interruptible(), client.sql(query, repo=repo) as reader:
            write_rows(interruptible_rows(reader), None, shown)
    except KeyboardInterrupt:
        click.echo("stopped", err=True)
    except (DataError, click.ClickException) as error:
        report(error)


def _next_query() -> str | None:
    """The lines up to one that ends with ``;``; None at the end of the input. Ctrl-C drops what was typed."""
    lines: list[str] = []
    while not lines or not lines[-1].rstrip().endswith(";"):
        try:
            lines.append(input(_MORE if lines else _PROMPT))
        except KeyboardInterrupt:
            click.echo()
            lines = []
        except EOFError:
            click.echo()
            return None
        if lines in ([""], ["exit"], ["quit"]):
            return None if lines != [""] else ""
    return "\n".join(lines)


def _completions(client: Client, repo: str) -> list[str]:
    infos = client.infos(repo)
    columns = {name for info in infos for name in info.schema.names}
    return sorted({*_KEYWORDS.split(), *(info.dataset for info in infos), *columns})


def _prepare(words: Iterable[str]) -> None:
    """Set up completion and the history."""
    ordered = list(words)

    def complete(start: str, number: int) -> str | None:
        found = [word for word in ordered if word.startswith(start.lower())]
        return found[number] if number < len(found) else None

    readline.set_completer(complete)
    readline.set_completer_delims(" \t\n,.;()=<>'\"")
    libedit = "libedit" in (readline.__doc__ or "")  # the readline of macOS
    readline.parse_and_bind("bind ^I rl_complete" if libedit else "tab: complete")
    readline.set_history_length(_HISTORY_LINES)
    with suppress(OSError):
        readline.read_history_file(HISTORY)
