"""Annotations to facts: the classes whose instances a place holds, and those of the items of containers at the place.

The names of ``typing`` are recognised by their imports. A quoted annotation is parsed and lowered like any other, but
has no calls, because its text does not run. In the parts that are not read as types (the arguments of ``Callable``, the
rest of ``Annotated``), only the calls are lowered.
"""

import ast
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from types import EllipsisType
from typing import Literal

from flight_client.extract.flow_context import FlowContext
from flight_client.extract.lexical_scopes import LexicalScope
from flight_client.extract.places import Place
from flight_client.extract.syntax_tree import dotted_name

GenericKind = Literal["union", "first", "type", "literal", "last", "list", "set", "dict", "tuple", "generator"]

_NAMES_BY_KIND: Mapping[GenericKind, str] = {
    "union": "Optional Union",
    "first": "Annotated Final ClassVar Required NotRequired ReadOnly InitVar Awaitable Unpack TypeGuard TypeIs",
    "type": "type Type",
    "literal": "Literal LiteralString",
    "last": "Coroutine",
    "list": "list List Sequence MutableSequence deque Deque Collection Container Reversible",
    "set": "set Set frozenset FrozenSet AbstractSet MutableSet KeysView ValuesView",
    "dict": "dict Dict Mapping MutableMapping defaultdict DefaultDict OrderedDict ChainMap",
    "tuple": "tuple Tuple",
    "generator": "Iterable Iterator Generator AsyncIterable AsyncIterator AsyncGenerator",
}
GENERIC_KINDS: Mapping[str, GenericKind] = {
    name: kind for kind, names in _NAMES_BY_KIND.items() for name in names.split()
}
QUOTED_CHARACTERS = 1000  # a longer text is skipped, because its tree may be deep
_MODULES = frozenset({"typing", "typing_extensions", "collections", "collections.abc", "builtins", "dataclasses"})


def annotate(flow: FlowContext, place: Place, node: ast.expr) -> None:
    """Record that the place holds instances of the annotation's classes."""
    match node:
        case ast.Constant(value=str() as text):
            _quoted(flow, place, text, annotate)
        case ast.Constant():
            pass
        case ast.BinOp(op=ast.BitOr()):
            annotate(flow, place, node.left)
            annotate(flow, place, node.right)
        case ast.Subscript():
            _subscripted(flow, place, node)
        case ast.Starred():
            annotate(flow, place, node.value)
        case _:
            held = _named(flow, node)
            if held is not None:
                flow.rows.annotations.append((place, held))


def annotate_result(flow: FlowContext, function: LexicalScope, node: ast.expr) -> None:
    """Annotate a function's result; in a generator function, ``Iterator[X]`` annotates the yielded values."""
    match node:
        case ast.Subscript(slice=inner) if function.is_generator and _generic_kind(flow, node.value) == "generator":
            first, *others = inner.elts if isinstance(inner, ast.Tuple) and inner.elts else [inner]
            annotate(flow, f"yld:{function.def_id}", first)
            mention(flow, *others)
        case _:
            annotate(flow, f"ret:{function.def_id}", node)


def hold_classes(flow: FlowContext, place: Place, node: ast.expr) -> None:
    """Record that the place holds the annotation's classes themselves, as for ``type[X]`` and for an alias."""
    match node:
        case ast.BinOp(op=ast.BitOr()):
            hold_classes(flow, place, node.left)
            hold_classes(flow, place, node.right)
        case ast.Subscript():
            hold_classes(flow, place, node.value)
            mention(flow, node.slice)
        case ast.Constant(value=str() as text):
            _quoted(flow, place, text, hold_classes)
        case ast.Name() | ast.Attribute():
            flow.copy(place, _named(flow, node), "assign")
        case _:
            mention(flow, node)


def mention(flow: FlowContext, *nodes: ast.AST) -> None:
    """Lower the calls in parts of annotations that are not read as types."""
    for node in nodes:
        match node:
            case ast.Name() | ast.Constant():
                pass
            case ast.Tuple() | ast.List() | ast.BinOp() | ast.Subscript() | ast.Attribute() | ast.Starred():
                mention(flow, *ast.iter_child_nodes(node))
            case ast.expr() if not flow.is_quoted:
                flow.value(node)
            case _:
                pass


def _named(flow: FlowContext, node: ast.expr) -> Place | None:
    """The place of the class that a name in an annotation means."""
    if not flow.is_quoted:
        return flow.value(node)
    match node:
        case ast.Name():
            return flow.names[node.id].place
        case ast.Attribute():
            base = _named(flow, node.value)
            return None if base is None else flow.attribute(base, node.attr)
        case _:
            return None


def _quoted(flow: FlowContext, place: Place, text: str, lower: Callable[[FlowContext, Place, ast.expr], None]) -> None:
    """Lower a quoted type; a text that is long, is not an expression or is quoted twice is skipped."""
    if flow.is_quoted or len(text) > QUOTED_CHARACTERS:
        return
    with suppress(SyntaxError, ValueError):
        parsed = ast.parse(text.strip(), mode="eval").body
        flow.is_quoted = True
        lower(flow, place, parsed)
    flow.is_quoted = False


def _subscripted(flow: FlowContext, place: Place, node: ast.Subscript) -> None:
    arguments = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
    match _generic_kind(flow, node.value):
        case "union":
            for argument in arguments:
                annotate(flow, place, argument)
        case "type":
            for argument in arguments:
                hold_classes(flow, place, argument)
        case "first":
            annotate(flow, place, arguments[0])
            mention(flow, *arguments[1:])
        case "last":
            mention(flow, *arguments[:-1])
            annotate(flow, place, arguments[-1])
        case "list" | "set" | "dict" | "tuple" | "generator" as kind:
            annotate(flow, place, node.value)
            _contains(flow, kind, flow.made(kind, place), arguments)
        case "literal":
            pass
        case None:
            annotate(flow, place, node.value)
            mention(flow, *arguments)


def _contains(flow: FlowContext, kind: GenericKind, container: Place, arguments: Sequence[ast.expr]) -> None:
    match kind, arguments:
        case "dict", [key, value]:
            keys = flow.temporary()
            annotate(flow, keys, key)
            _holds(flow, container, value, None, keys)
        case "tuple", [element, ast.Constant(value=EllipsisType())]:
            _holds(flow, container, element)
        case "tuple", _:
            for position, element in enumerate(arguments):
                _holds(flow, container, element, str(position))
        case _, [element, *others]:
            _holds(flow, container, element)
            mention(flow, *others)
        case _:
            pass


def _holds(
    flow: FlowContext, container: Place, node: ast.expr, key: str | None = None, key_place: Place | None = None
) -> None:
    element = flow.temporary()
    annotate(flow, element, node)
    flow.put(container, element, key, key_place)


def _generic_kind(flow: FlowContext, node: ast.expr) -> GenericKind | None:
    """The meaning of a name before brackets; a name that may come from a star import is judged by its spelling."""
    dotted, is_pure = dotted_name(node)
    kind = GENERIC_KINDS.get(dotted.rpartition(".")[2]) if dotted and is_pure else None
    if kind is None or dotted is None:
        return None
    meant = flow.scope.candidates(dotted)
    return kind if not meant or any(name.rpartition(".")[0] in _MODULES for name, _ in meant) else None
