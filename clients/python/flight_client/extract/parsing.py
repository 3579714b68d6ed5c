"""Source text to a syntax tree: by the running interpreter, by another one, and cell by cell in a notebook.

A file that the running interpreter can't parse is given to the other interpreter, if there is one. In a notebook each
cell that is not Python becomes comments, so that it costs no other cell; a cell of one line with a magic's name but
without its ``%`` is a magic, as in IPython.
"""

import ast
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from flight_client.extract.interpreter import PARSE_DEPTH, recursion
from flight_client.extract.notebooks import automagic, commented
from flight_client.extract.other_parser import OtherParser
from flight_client.extract.source_text import SourceText

Parse = Callable[[str], ast.Module]


@dataclass(frozen=True)
class BadCell:
    """A cell that is not Python: its index among all cells, the line before it in the text, and the parser's error."""

    number: int
    lines_before: int
    error: SyntaxError | ValueError


@contextmanager
def parsing(python: str | None) -> Iterator[Parse]:
    """The function that parses: by the running interpreter, and by ``python`` what that can't."""
    if python is None:
        yield _parsed
        return
    with OtherParser(python) as other:

        def parse(text: str) -> ast.Module:
            try:
                return _parsed(text)
            except SyntaxError:
                return other.parse(text)

        yield parse


def _parsed(text: str) -> ast.Module:
    with recursion(PARSE_DEPTH):
        return ast.parse(text)


def tree_of(source: SourceText, parse: Parse) -> tuple[ast.Module, list[BadCell]]:
    """The syntax tree of a file, without the cells that are not Python; raises the errors of ``parse``."""
    try:
        return parse(source.code), []
    except (SyntaxError, ValueError):
        if source.cells is None:
            raise
    bad: list[BadCell] = []
    code = bytearray(source.code, "utf-8")
    for number, start, end in source.cells:
        cell = code[start:end].decode()
        try:
            parse(cell)
        except (SyntaxError, ValueError) as error:
            magic = automagic(cell)
            if magic is None:
                bad.append(BadCell(number, source.line_and_column(start)[0] - 1, error))
            code[start:end] = (commented(cell) if magic is None else magic).encode()
    return parse(code.decode()), bad
