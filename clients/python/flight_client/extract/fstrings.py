"""Positions inside f-strings for trees of parsers that don't compute them (before PEP 701, that is 3.11).

There an f-string is one token. Its expressions are parsed separately and their positions are guesses, which are wrong
over several lines, after escapes and in nested strings. So the replacement fields are searched in the source, as that
parser does it, and each expression is parsed again with its true position. The parts of the source and of the node, and
the parts of their format specifications, have the same order. The positions are those of newer interpreters.
"""

import ast
import re
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from flight_client.extract.source_text import SourceText
from flight_client.extract.syntax_tree import parts_of

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
_SPELLED = re.compile(rb"(?:=\s*)?")  # makes the text of the expression a part of the string
_CONVERSION = re.compile(rb"\s*(?:![A-Za-z]\s*)?")
_SPACE = b" \t\f\r\n"


class UnplacedFieldError(ValueError):
    """An f-string whose replacement fields in the source and in the syntax tree don't match."""


@dataclass(frozen=True)
class _Text:
    """The byte offsets of a literal text: a piece between fields, a whole string without fields, or ``x=`` of a field.

    Adjacent texts are one constant in the syntax tree.
    """

    start: int
    end: int


@dataclass(frozen=True)
class _Field:
    """The byte offsets of a replacement field: its expression, and its end after its closing brace.

    ``spec`` has the parts of its format specification, which begins at ``colon``.
    """

    start: int
    end: int
    field_end: int
    colon: int
    spec: Sequence["_Part"]


_Part = _Text | _Field


def place_parts(joined: ast.JoinedStr, source: SourceText, start: int, end: int) -> None:
    """Set the true positions of the parts of an f-string, which may be several adjacent string tokens.

    ``start`` and ``end`` are its byte offsets. A part without a position of its own has that of the whole f-string; if
    the first part has one, nothing is to be done. Raises UnplacedFieldError.
    """
    if joined.values and _position(joined.values[0]) == _position(joined):
        _place(joined, list(_parts(source.utf8, start, end)), source)


def _position(node: ast.expr) -> tuple[int | None, ...]:
    return node.lineno, node.col_offset, node.end_lineno, node.end_col_offset


def _place(joined: ast.JoinedStr, parts: Iterable[_Part], source: SourceText) -> None:
    nodes = deque(parts_of(joined))
    texts: list[_Text] = []
    for part in (*parts, None):
        if isinstance(part, _Text):
            texts.append(part)
            continue
        if texts and nodes and isinstance(nodes[0], ast.Constant):
            _locate(nodes.popleft(), source, texts[0].start, texts[-1].end)
        texts = []
        node = nodes.popleft() if nodes else None
        match node, part:
            case ast.FormattedValue(), _Field():
                node.value = _parsed(source, part.start, part.end)
                _locate(node, source, part.start - 1, part.field_end)
                if isinstance(node.format_spec, ast.JoinedStr):
                    _locate(node.format_spec, source, part.colon, part.field_end - 1)
                    _place(node.format_spec, part.spec, source)
            case None, None:
                pass
            case _:
                raise UnplacedFieldError(f"an f-string has other fields than its node, at {joined.lineno}")


def _locate(node: ast.expr, source: SourceText, start: int, end: int) -> None:
    node.lineno, node.col_offset = source.line_and_column(start)
    node.end_lineno, node.end_col_offset = source.line_and_column(end)


def _parts(utf8: bytes, start: int, end: int) -> Iterator[_Part]:
    """The parts of the string tokens between two offsets."""
    position = start
    while (position := _end_of(_BETWEEN_TOKENS, utf8, position)) < end:
        opening = _OPENING.match(utf8, position)
        if opening is None:
            raise UnplacedFieldError(f"no string at byte {position}")
        prefix, quote = opening.group(1).lower(), opening.group(2)
        body_end = _closing_quote(utf8, opening.end(), quote)
        if b"f" in prefix:
            yield from _parts_in(utf8, opening.end(), body_end, *(_RAW if b"r" in prefix else _COOKED))[0]
        else:
            yield _Text(position, body_end + len(quote))
        position = body_end + len(quote)


def _closing_quote(utf8: bytes, position: int, quote: bytes) -> int:
    while not utf8.startswith(quote, position):
        position += 2 if utf8[position : position + 1] == b"\\" else 1
        if position >= len(utf8):
            raise UnplacedFieldError("a string is not closed")
    return position


def _parts_in(
    utf8: bytes, position: int, end: int, literal: re.Pattern[bytes], spec: re.Pattern[bytes]
) -> tuple[list[_Part], int]:
    """The parts of an f-string's body or format specification, and the offset of its end."""
    parts: list[_Part] = []
    while True:
        text_end = _end_of(literal, utf8, position, end)
        if text_end > position:
            parts.append(_Text(position, text_end))
        position = text_end
        if position >= end or utf8[position : position + 1] != b"{":
            return parts, position
        start = position + 1
        stop = _end_of_expression(utf8, start, end)
        position = _end_of(_SPELLED, utf8, stop, end)
        if position > stop:
            parts.append(_Text(start, position))
        colon = position = _end_of(_CONVERSION, utf8, position, end)
        inner: list[_Part] = []
        if utf8[position : position + 1] == b":":
            inner, position = _parts_in(utf8, position + 1, end, spec, spec)
        if utf8[position : position + 1] != b"}":
            raise UnplacedFieldError(f"a replacement field is not closed at byte {position}")
        position += 1
        parts.append(_Field(start, stop, position, colon, inner))


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
