"""Containers to facts: displays, comprehensions and subscripts.

A display of constants is one object without items, so that a table of data gives one row. The exception is a display of
a few strings that are names, because code may look these names up.
"""

import ast
from collections.abc import Mapping, Sequence

from flight_client.extract.flow_context import FlowContext, FlowVisitor, signed
from flight_client.extract.flow_targets import Key, elements, iterate, key, key_argument
from flight_client.extract.places import Place
from flight_client.extract.syntax_tree import Comprehension

MOST_NAMES = 6  # in a display of strings whose items are recorded
_KINDS: Mapping[type[ast.AST], str] = {
    ast.List: "list",
    ast.ListComp: "list",
    ast.Tuple: "tuple",
    ast.Set: "set",
    ast.SetComp: "set",
    ast.GeneratorExp: "generator",
    ast.DictComp: "dict",
}


def _display(flow: FlowContext, node: ast.List | ast.Tuple | ast.Set) -> Place:
    container = flow.made(_KINDS[node.__class__])
    if _holds_constants(node) and not _spells_names(node.elts):
        return container
    is_ordered = not isinstance(node, ast.Set)
    for position, element in enumerate(node.elts):
        if isinstance(element, ast.Starred):
            is_ordered = False
            source = flow.value(element.value)
            if source is not None:
                item = flow.temporary()
                elements(flow, item, source, element.value)
                flow.put(container, item)
        else:
            flow.put(container, flow.value(element), str(position) if is_ordered else None)
    return container


def _dict(flow: FlowContext, node: ast.Dict) -> Place:
    container = flow.made("dict")
    if _holds_constants(node) and not _spells_names(node.values):
        return container
    for name, value in zip(node.keys, node.values, strict=True):
        if name is not None:
            at = key(flow, name)
            flow.put(container, flow.value(value), *at)
            continue
        source = flow.value(value)
        if source is not None:
            item = flow.temporary()
            flow.load(item, source, "item")
            flow.put(container, item)
    return container


def _comprehension(flow: FlowContext, node: Comprehension) -> Place:
    """Lower a comprehension: its code counts for the definition around it, but its variables are its own."""
    container = flow.made(_KINDS[node.__class__])
    outer = flow.scope
    for index, generator in enumerate(node.generators):
        source = flow.value(generator.iter)
        if not index:
            flow.enter(flow.walk.opened[node])
        iterate(flow, generator.target, source, generator.iter, is_async=bool(generator.is_async))
        flow.values(generator.ifs)
    if isinstance(node, ast.DictComp):
        at = key(flow, node.key)
        flow.put(container, flow.value(node.value), *at)
    else:
        flow.put(container, flow.value(node.elt))
    flow.enter(outer)
    return container


def _subscript(flow: FlowContext, node: ast.Subscript) -> Place | None:
    base = flow.value(node.value)
    at = key(flow, node.slice)
    return None if base is None else get_item(flow, node, base, at)


def get_item(flow: FlowContext, node: ast.Subscript, base: Place, at: Key) -> Place:
    """``x[k]``."""
    result = flow.temporary()
    flow.load(result, base, "item", *at)
    arguments = (key_argument(flow, node.slice, at),)
    flow.implied("getitem", base, ("__getitem__",), flow.span(node), arguments, result)
    return result


def _yield_from(flow: FlowContext, node: ast.YieldFrom) -> Place | None:
    """Lower ``yield from``, whose value is the return value of the inner generator."""
    source = flow.value(node.value)
    if source is None:
        return None
    element, result = flow.temporary(), flow.temporary()
    elements(flow, element, source, node.value)
    flow.copy(f"yld:{flow.executor.def_id}", element, "yield")
    flow.load(result, source, "return")
    return result


def _holds_constants(node: ast.expr) -> bool:
    """Whether a display, or a part of one, contains only constants."""
    match node:
        case ast.List() | ast.Tuple() | ast.Set():
            return all(map(_holds_constants, node.elts))
        case ast.Dict():
            return all(name is not None and _holds_constants(name) for name in node.keys) and all(
                map(_holds_constants, node.values)
            )
        case _:
            return signed(node) is not None


def _spells_names(nodes: Sequence[ast.expr]) -> bool:
    """Whether the items of a display are a few strings, each a dotted name."""
    return 0 < len(nodes) <= MOST_NAMES and all(
        isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and node.value.isascii()
        and all(part.isidentifier() for part in node.value.split("."))
        for node in nodes
    )


CONTAINERS: Mapping[str, FlowVisitor] = {
    "List Tuple Set": _display,
    "Dict": _dict,
    "ListComp SetComp DictComp GeneratorExp": _comprehension,
    "Subscript": _subscript,
    "YieldFrom": _yield_from,
}
