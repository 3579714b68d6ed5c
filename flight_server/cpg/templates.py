"""Ids as templates: how the id of a node is put together from a row's columns.

>>> from arrowdsl.compute.expr import describe
>>> describe(template("ast:{file_id}:{ast_idx:d}"))
"concat('ast:', file_id, ':', text(ast_idx))"
>>> describe(template("{def_id}"))
'def_id'
"""

from collections.abc import Iterable, Iterator, Mapping
from string import Formatter

from arrowdsl.compute.expr import Call, Column, Expr, Literal, Values, conjunction

Wanted = str | bool | tuple[str, ...]


def template(text: str) -> Expr:
    """The text with each ``{column}`` replaced by the row's value, ``{column:d}`` by a number's; null if any is."""
    parts = tuple(_parts(text))
    return parts[0] if len(parts) == 1 else Call("concat", parts)


def matching(values: Mapping[str, Wanted], given: Iterable[str] = ()) -> Expr:
    """True where each column has its value, or one of its values, and the columns ``given`` are not null."""
    present = (Call("not", (Call("isNull", (Column(name),)),)) for name in given)
    return conjunction((*(_equals(name, value) for name, value in values.items()), *present))


def _equals(name: str, value: Wanted) -> Expr:
    match value:
        case bool():
            return Column(name) if value else Call("not", (Column(name),))
        case str():
            return Call("=", (Column(name), Literal(value)))
        case _:
            return Call("in", (Column(name), Values(value)))


def _parts(text: str) -> Iterator[Expr]:
    for literal, field, kind, _ in Formatter().parse(text):
        if literal:
            yield Literal(literal)
        if field:
            yield Call("text", (Column(field),)) if kind == "d" else Column(field)
