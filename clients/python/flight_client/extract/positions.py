"""Where names stand in the source. ``ast`` gives positions of nodes, but names are often plain strings in them.

A name is found from the nearest node's position: forward over what the grammar allows in between, or backward from
the node's end. The span is that of the source's spelling; the name itself is normalised (NFKC), so the two differ in
length where an identifier was written with compatibility characters.

Functions take the source's UTF-8 and byte offsets, and return spans as (start, end).
"""

import re

Span = tuple[int, int]

_WORD = rb"[0-9A-Za-z_\x80-\xff]+"
_GAP = rb"(?:[\s\\(),]|#[^\r\n]*)*"
_BLANK = rb"[\s\\]*"

_IDENTIFIER = re.compile(_WORD)
_DEFINITION = re.compile(rb"(?:async" + _BLANK + rb")?(?:def|class)" + _BLANK + rb"(" + _WORD + rb")")
_STARRED = re.compile(rb"[\s\\*]*(" + _WORD + rb")")
_AS_NAME = re.compile(_GAP + rb"as" + _BLANK + rb"(" + _WORD + rb")")
_KEYWORD = re.compile(_GAP + rb"(" + _WORD + rb")")
_REST = re.compile(rb"(?:[\s\\(),{]|#[^\r\n]*)*\*\*(?:[\s\\]|#[^\r\n]*)*(" + _WORD + rb")")
_DECLARATION = re.compile(rb"(?:global|nonlocal)\b")
_LISTED = re.compile(rb"[\s\\,]*(" + _WORD + rb")")
_IDENTIFIER_BYTES = frozenset(b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_") | frozenset(
    range(128, 256)
)


class MissingNameError(ValueError):
    """A name that is not where the grammar puts it: a position in the syntax tree is wrong."""


def name_at(utf8: bytes, start: int) -> Span:
    """A name that begins at ``start``."""
    return _span(_IDENTIFIER.match(utf8, start), 0)


def name_before(utf8: bytes, end: int, name: str) -> Span:
    """A name that ends at ``end``."""
    start = end - len(name)
    if name.isascii() and utf8[start:end] == name.encode():
        return start, end
    start = end
    while start > 0 and utf8[start - 1] in _IDENTIFIER_BYTES:
        start -= 1
    if start == end:
        raise MissingNameError(f"no name ends at byte {end}")
    return start, end


def defined_name(utf8: bytes, start: int) -> Span:
    """The name in ``def``, ``async def`` or ``class``, of which ``start`` is the first byte."""
    return _span(_DEFINITION.match(utf8, start), 1)


def starred_name(utf8: bytes, start: int) -> Span:
    """A name with or without stars before it, as in type parameters."""
    return _span(_STARRED.match(utf8, start), 1)


def as_name(utf8: bytes, start: int) -> Span:
    """The name after ``as``, from the end of what stands before it."""
    return _span(_AS_NAME.match(utf8, start), 1)


def keyword_name(utf8: bytes, start: int) -> Span:
    """The keyword of a class pattern, from the end of what stands before it."""
    return _span(_KEYWORD.match(utf8, start), 1)


def rest_name(utf8: bytes, start: int) -> Span:
    """The name after the ``**`` of a mapping pattern, from the end of what stands before it."""
    return _span(_REST.match(utf8, start), 1)


def declared_names(utf8: bytes, start: int, count: int) -> list[Span]:
    """The names of a ``global`` or ``nonlocal`` statement, of which ``start`` is the first byte."""
    at = _DECLARATION.match(utf8, start)
    spans = []
    end = at.end() if at else start
    for _ in range(count):
        spans.append(_span(_LISTED.match(utf8, end), 1))
        end = spans[-1][1]
    return spans


def _span(found: re.Match[bytes] | None, group: int) -> Span:
    if found is None:
        raise MissingNameError("a name is not where the syntax tree says")
    return found.span(group)
