"""Positions inside f-strings for interpreters whose parser doesn't compute them (before PEP 701, that is 3.11).

There an f-string is one token. Its expressions are parsed separately and their positions are guesses, which are wrong
over several lines, after escapes and in nested strings. So the replacement fields are searched in the source, as that
parser does it, and each expression is parsed again with its true position. The n-th field in the source belongs to the
n-th node, since a field's nested fields follow it in both.
"""

import ast
import re
from collections.abc import Generator, Iterator
from dataclasses import dataclass

from flight_client.extract.source_text import SourceText


def _parser_knows_fields() -> bool:
    joined = ast.parse("f'{a}'", mode="eval").body
    return isinstance(joined, ast.JoinedStr) and joined.values[0].col_offset > joined.col_offset


FIELDS_HAVE_POSITIONS = _parser_knows_fields()

_BETWEEN_TOKENS = re.compile(rb"(?:[\s\\]|#[^\r\n]*)*")
_OPENING = re.compile(rb"([A-Za-z]*)('''|\"\"\"|'|\")")
# Two patterns each: the text between replacement fields in a body, and in a format specification (no doubled braces).
_COOKED = (
    re.compile(rb"(?:[^{}\\]|\{\{|\}\}|\\N\{[^}]*\}|\\[^{}]|\\)*", re.DOTALL),
    re.compile(rb"(?:[^{}\\]|\\N\{[^}]*\}|\\[^{}]|\\)*", re.DOTALL),
)
_RAW = (re.compile(rb"(?:[^{}]|\{\{|\}\})*", re.DOTALL), re.compile(rb"[^{}]*", re.DOTALL))
_STRING_IN_EXPRESSION = re.compile(rb"'''.*?'''|\"\"\".*?\"\"\"|'[^']*'|\"[^\"]*\"", re.DOTALL)
_TWO_CHARACTERS = frozenset({b"!=", b"==", b"<=", b">="})
_AFTER_EXPRESSION = re.compile(rb"=?\s*(?:![A-Za-z]\s*)?")
_SPACE = b" \t\f\r\n"


class UnplacedFieldError(ValueError):
    """An f-string whose replacement fields in the source and in the syntax tree don't match."""


@dataclass(frozen=True)
class _Field:
    """A replacement field: the byte offsets of its expression, and the end of the field after its closing brace."""

    start: int
    end: int
    field_end: int


def place_fields(joined: ast.JoinedStr, source: SourceText, start: int, end: int) -> None:
    """Set the true positions of the fields of an f-string, which may be several adjacent string tokens.

    ``start`` and ``end`` are its byte offsets. Raises UnplacedFieldError.
    """
    nodes = list(_formatted_values(joined))
    fields = sorted(_fields(source.utf8, start, end), key=lambda field: field.start)
    if len(nodes) != len(fields):
        raise UnplacedFieldError(f"an f-string has {len(nodes)} fields, {len(fields)} were found at byte {start}")
    for node, found in zip(nodes, fields, strict=True):
        node.value = _parsed(source, found.start, found.end)
        node.lineno, node.col_offset = source.line_and_column(found.start - 1)
        node.end_lineno, node.end_col_offset = source.line_and_column(found.field_end)


def _formatted_values(joined: ast.JoinedStr) -> Iterator[ast.FormattedValue]:
    for value in joined.values:
        if isinstance(value, ast.FormattedValue):
            yield value
            if isinstance(value.format_spec, ast.JoinedStr):
                yield from _formatted_values(value.format_spec)


def _fields(utf8: bytes, start: int, end: int) -> Iterator[_Field]:
    """The replacement fields of the string tokens between two offsets."""
    position = start
    while (position := _end_of(_BETWEEN_TOKENS, utf8, position)) < end:
        opening = _OPENING.match(utf8, position)
        if opening is None:
            raise UnplacedFieldError(f"no string at byte {position}")
        prefix, quote = opening.group(1).lower(), opening.group(2)
        body, position = opening.end(), _closing_quote(utf8, opening.end(), quote)
        if b"f" in prefix:
            yield from _fields_in(utf8, body, position, *(_RAW if b"r" in prefix else _COOKED))
        position += len(quote)


def _closing_quote(utf8: bytes, position: int, quote: bytes) -> int:
    while not utf8.startswith(quote, position):
        position += 2 if utf8[position : position + 1] == b"\\" else 1
        if position >= len(utf8):
            raise UnplacedFieldError("a string is not closed")
    return position


def _fields_in(
    utf8: bytes, position: int, end: int, literal: re.Pattern[bytes], spec: re.Pattern[bytes]
) -> Generator[_Field, None, int]:
    """Yield the fields of an f-string's body or format specification, nested fields first; returns its end."""
    position = _end_of(literal, utf8, position, end)
    while utf8[position : position + 1] == b"{" and position < end:
        expression = position + 1
        stop = _end_of_expression(utf8, expression, end)
        position = _end_of(_AFTER_EXPRESSION, utf8, stop, end)
        if utf8[position : position + 1] == b":":
            position = yield from _fields_in(utf8, position + 1, end, spec, spec)
        if utf8[position : position + 1] != b"}":
            raise UnplacedFieldError(f"a replacement field is not closed at byte {position}")
        position += 1
        yield _Field(start=expression, end=stop, field_end=position)
        position = _end_of(literal, utf8, position, end)
    return position


def _end_of_expression(utf8: bytes, position: int, end: int) -> int:
    """The offset of the ``!``, ``:``, ``=`` or ``}`` that ends the expression at ``position``."""
    depth = 0
    while position < end:
        character = utf8[position : position + 1]
        if character in b"'\"":
            position = _end_of(_STRING_IN_EXPRESSION, utf8, position, end)
            continue
        if character in b"([{":
            depth += 1
        elif depth and character in b")]}":
            depth -= 1
        elif not depth and character in b"!:=}<>":
            if utf8[position : position + 2] in _TWO_CHARACTERS:
                position += 1
            elif character not in b"<>":
                return position
        position += 1
    raise UnplacedFieldError("an expression in an f-string does not end")


def _end_of(pattern: re.Pattern[bytes], utf8: bytes, position: int, end: int | None = None) -> int:
    found = pattern.match(utf8, position) if end is None else pattern.match(utf8, position, end)
    return found.end() if found else position


def _parsed(source: SourceText, start: int, end: int) -> ast.expr:
    """The expression between two byte offsets, parsed, with positions in the file."""
    text = source.utf8[start:end]
    start += len(text) - len(text.lstrip(_SPACE))
    text = text.strip(_SPACE)
    expression = ast.parse(b"(" + text + b")", mode="eval").body
    if expression.col_offset == 0:  # a tuple or generator whose position includes the added parentheses
        expression.col_offset += 1
        if expression.end_col_offset:
            expression.end_col_offset -= 1
    line, column = source.line_and_column(start)
    for node in ast.walk(expression):
        if isinstance(node, ast.expr | ast.keyword | ast.arg):
            _shift(node, line - 1, column - 1)
    return expression


def _shift(node: ast.expr | ast.keyword | ast.arg, lines: int, columns: int) -> None:
    if node.lineno == 1:
        node.col_offset += columns
    if node.end_lineno == 1 and node.end_col_offset is not None:
        node.end_col_offset += columns
    node.lineno += lines
    if node.end_lineno is not None:
        node.end_lineno += lines
