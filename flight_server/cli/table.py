"""Printing a stream as a table on a terminal: the first rows, in columns that fit the width."""

import re
import shutil
import textwrap
from collections.abc import Sequence

import click
import pyarrow as pa

from flight_client import FlightReader

SHOWN_ROWS = 40
_LEAST_WIDTH = 6
_ENOUGH_WIDTH = 24
_FOR_MACHINES = re.compile(r"(^|_)(id|idx|bstart|bend|qnames|sha256)$|^(abs_path|text)$")


def print_table(reader: FlightReader) -> None:
    """Print the first SHOWN_ROWS rows, and whether there are more."""
    table = _first_rows(reader)
    _print_columns(table, reader.schema.names)
    _print_count(table)


def print_fitting_table(reader: FlightReader) -> None:
    """Print the first SHOWN_ROWS rows, without the columns for which the terminal is too narrow."""
    table = _first_rows(reader)
    names = _fitting(table, shutil.get_terminal_size().columns)
    _print_columns(table, names)
    hidden = [name for name in table.schema.names if name not in names]
    if hidden:
        note = f"not shown: {', '.join(hidden)}; --vertical or --columns shows them"
        click.echo(textwrap.fill(note, shutil.get_terminal_size().columns))
    _print_count(table)


def _fitting(table: pa.Table, available: int) -> list[str]:
    """The columns that fit if none is cut below ENOUGH_WIDTH. Empty ones give way first, then ids and offsets."""
    first = table.slice(0, SHOWN_ROWS)
    widths = {
        name: min(max(map(len, (name, *map(one_line, first.column(name).to_pylist())))), _ENOUGH_WIDTH)
        for name in table.schema.names
    }
    empty = {name for name in widths if first.column(name).null_count == first.num_rows}
    order = sorted(widths, key=lambda name: (name in empty, bool(_FOR_MACHINES.search(name)), list(widths).index(name)))
    while len(order) > 1 and sum(widths[name] + 2 for name in order) > available:
        order.pop()
    return [name for name in widths if name in order]


def _print_columns(table: pa.Table, names: Sequence[str]) -> None:
    shown = table.select(names).slice(0, SHOWN_ROWS)
    print_rows(names, [[one_line(value) for value in row.values()] for row in shown.to_pylist()])


def print_vertical(reader: FlightReader) -> None:
    """Print the first SHOWN_ROWS rows, each column of a row on a line of its own."""
    table = _first_rows(reader)
    width = max(map(len, reader.schema.names), default=0)
    for number, row in enumerate(table.slice(0, SHOWN_ROWS).to_pylist(), 1):
        click.echo(f"row {number}")
        for name, value in row.items():
            click.echo(f"  {name:<{width}}  {one_line(value)}".rstrip())
    _print_count(table)


def _first_rows(reader: FlightReader) -> pa.Table:
    """The first rows; one more than SHOWN_ROWS if there are more."""
    held: list[pa.RecordBatch] = []
    for batch in reader:
        held.append(batch)
        if sum(each.num_rows for each in held) > SHOWN_ROWS:
            break
    return pa.Table.from_batches(held, reader.schema)


def _print_count(table: pa.Table) -> None:
    if table.num_rows > SHOWN_ROWS:
        click.echo(f"the first {SHOWN_ROWS} rows; --output FILE gives them all, --limit N and --where fewer")
    else:
        click.echo(f"{table.num_rows} rows")


def one_line(value: object) -> str:
    """The value on one line; characters that would control the terminal are escaped."""
    text = "" if value is None else " ".join(str(value).split())
    return "".join(each if each.isprintable() else repr(each)[1:-1] for each in text)


def print_rows(header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print rows of text under a header, in columns that fit the terminal."""
    widths = _widths([header, *rows], shutil.get_terminal_size().columns)
    for row in (header, ["-" * width for width in widths], *rows):
        click.echo(_line(row, widths))


def _widths(rows: Sequence[Sequence[str]], available: int) -> list[int]:
    """The width of each column; the widest ones are cut until all fit."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    while sum(widths) + 2 * len(widths) > available and max(widths) > _LEAST_WIDTH:
        widths[widths.index(max(widths))] -= 1
    return widths


def _line(row: Sequence[str], widths: Sequence[int]) -> str:
    cells = (text if len(text) <= width else f"{text[: width - 1]}…" for text, width in zip(row, widths, strict=True))
    return "  ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)).rstrip()
