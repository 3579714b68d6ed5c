"""Targets to facts: assignment of every kind, unpacking, iteration, ``del``, and the keys of subscripts."""

import ast
from collections.abc import Sequence

from flight_client.extract.flow_context import FlowContext, shown, signed
from flight_client.extract.flow_rows import SHOWN_CHARACTERS
from flight_client.extract.places import Place

Key = tuple[str | None, Place | None]  # the text of a subscript's key, or its place
_SLICE: Key = (":", None)
# Iterating over these calls no ``__iter__`` that the source defines.
_PLAIN = frozenset(
    {ast.Tuple, ast.List, ast.Set, ast.Dict, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp, ast.Constant}
)


def assign(flow: FlowContext, target: ast.expr, source: Place | None, reason: str = "assign") -> None:
    """Assign the value at ``source`` to a target; the target's parts are lowered even if the value is unknown."""
    match target:
        case ast.Name():
            flow.copy(flow.definition_place(target), source, reason)
        case ast.Attribute():
            flow.set_attribute(flow.value(target.value), target.attr, source)
        case ast.Subscript():
            base = flow.value(target.value)
            set_item(flow, target, base, key(flow, target.slice), source)
        case ast.Tuple() | ast.List():
            _unpack(flow, target.elts, source)
        case ast.Starred():
            assign(flow, target.value, source, reason)
        case _:
            flow.value(target)


def target_place(flow: FlowContext, target: ast.expr) -> Place:
    """The place that receives a target's value; ``assign`` then passes the value from there to the target."""
    return flow.definition_place(target) if isinstance(target, ast.Name) else flow.temporary()


def set_item(flow: FlowContext, node: ast.Subscript, base: Place | None, at: Key, source: Place | None) -> None:
    """Record ``x[k] = …``."""
    if base is not None:
        flow.put(base, source, *at)
        arguments = (key_argument(flow, node.slice, at), source)
        flow.implied("setitem", base, ("__setitem__",), flow.span(node), arguments)


def delete(flow: FlowContext, target: ast.expr) -> None:
    """Lower a target of ``del``, which gives no facts except implicit calls."""
    match target:
        case ast.Subscript():
            base = flow.value(target.value)
            at = key(flow, target.slice)
            if base is not None:
                arguments = (key_argument(flow, target.slice, at),)
                flow.implied("setitem", base, ("__delitem__",), flow.span(target), arguments)
        case ast.Attribute():
            flow.value(target.value)
        case ast.Tuple() | ast.List():
            for element in target.elts:
                delete(flow, element)
        case _:
            pass


def star_of(targets: Sequence[ast.AST]) -> int | None:
    """The position of the starred target or pattern; None if there is none."""
    return next((n for n, node in enumerate(targets) if isinstance(node, ast.Starred | ast.MatchStar)), None)


def _unpack(flow: FlowContext, targets: Sequence[ast.expr], source: Place | None) -> None:
    """Assign to each target the item at its position (from the end after a star), or the values of a generator."""
    star = star_of(targets)
    for position, target in enumerate(targets):
        if source is None:
            assign(flow, target, None)
        elif position == star:
            rest, element = flow.made("list"), flow.temporary()
            flow.load(element, source, "iter")
            flow.put(rest, element)
            assign(flow, target, rest, "unpack")
        else:
            place = target_place(flow, target)
            at = position if star is None or position < star else position - len(targets)
            flow.load(place, source, "item", str(at))
            flow.load(place, source, "yield")
            assign(flow, target, place)


def iterate(
    flow: FlowContext, target: ast.expr, source: Place | None, node: ast.expr, *, is_async: bool = False
) -> None:
    """Assign the elements of the iterable ``node``, whose place is ``source``, to a target."""
    if source is None:
        assign(flow, target, None)
        return
    element = target_place(flow, target)
    elements(flow, element, source, node, is_async=is_async)
    assign(flow, target, element)


def elements(flow: FlowContext, element: Place, source: Place, node: ast.expr, *, is_async: bool = False) -> None:
    """Load the elements of the iterable ``node``, whose place is ``source``, into ``element``."""
    flow.load(element, source, "iter")
    if node.__class__ in _PLAIN:
        return
    span, prefix = flow.span(node), "__a" if is_async else "__"
    iterator = flow.temporary()
    flow.implied("iter", source, (f"{prefix}iter__",), span, (), iterator)
    flow.implied("next", iterator, (f"{prefix}next__",), span, (), element)
    flow.load(element, iterator, "iter")


def key(flow: FlowContext, node: ast.expr) -> Key:
    """A subscript's key: the text of a short str or int, or of a tuple of these; ``:`` for a slice; else a place."""
    text = _spelled(node)
    if text is not None:
        return text, None
    if isinstance(node, ast.Slice):
        flow.parts(node)
        return _SLICE
    return None, flow.value(node)


def key_argument(flow: FlowContext, node: ast.expr, at: Key) -> Place | None:
    """The place of a subscript as the argument of a special method; a slice has none."""
    constant = signed(node)
    return at[1] if constant is None else flow.constant(constant.value)


def _spelled(node: ast.expr) -> str | None:
    if isinstance(node, ast.Tuple) and node.elts:
        parts = [shown(part.value) if (part := signed(item)) is not None else None for item in node.elts]
        text = f"({', '.join(part for part in parts if part is not None)})"
        return text if None not in parts and len(text) <= SHOWN_CHARACTERS else None
    constant = signed(node)
    return None if constant is None else shown(constant.value)
