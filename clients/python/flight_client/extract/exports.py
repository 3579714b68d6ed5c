"""The names that a module exports: the statements at its top level that set or change ``__all__``."""

import ast
from collections.abc import Iterable, Iterator
from types import MappingProxyType

from flight_client.extract.source_text import printable
from flight_client.extract.syntax_tree import Located

Export = tuple[Located, str, str | None]

_METHODS = MappingProxyType({"append": "append", "extend": "+="})
_SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


def exports(tree: ast.Module) -> list[Export]:
    """The exported names, each with its node and the operation that adds it (``=``, ``+=``, ``append``).

    ``extend`` counts as ``+=``. An operation without names gives the name None. If the source does not spell out the
    operation or the name, the operation is ``unknown``.
    """
    return [export for statement in _statements(tree.body) for export in _exported(statement)]


def _statements(body: Iterable[ast.AST]) -> Iterator[ast.AST]:
    """The statements that run in the module's own scope, also inside compound statements, in source order."""
    for statement in body:
        if not isinstance(statement, _SCOPES):
            yield statement
            inner = (node for node in ast.iter_child_nodes(statement) if not isinstance(node, ast.expr))
            yield from _statements(inner)


def _exported(statement: ast.AST) -> Iterator[Export]:
    match statement:
        case ast.Assign(targets=targets, value=value) if any(map(_is_all, targets)):
            yield from _names(value, "=")
        case ast.AnnAssign(target=target, value=ast.expr() as value) if _is_all(target):
            yield from _names(value, "=")
        case ast.AugAssign(target=target, op=ast.Add(), value=value) if _is_all(target):
            yield from _names(value, "+=")
        case ast.AugAssign(target=target) if _is_all(target):
            yield statement, "unknown", None
        case ast.Expr(value=ast.Call(func=ast.Attribute(value=target, attr=method)) as call) if _is_all(target):
            yield from _called(call, method)
        case ast.Assign(targets=targets) | ast.Delete(targets=targets):
            yield from ((node, "unknown", None) for node in _changed_in(targets))


def _called(call: ast.Call, method: str) -> Iterator[Export]:
    op = _METHODS.get(method, "unknown")
    match call.args:
        case [value] if op == "append":
            yield _name(value, op)
        case [value] if op == "+=":
            yield from _names(value, op)
        case _:
            yield call, "unknown", None


def _names(value: ast.expr, op: str) -> Iterator[Export]:
    match value:
        case ast.List(elts=[]) | ast.Tuple(elts=[]):
            yield value, op, None
        case ast.List(elts=items) | ast.Tuple(elts=items):
            yield from (_name(item, op) for item in items)
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            yield from _names(left, op)
            yield from _names(right, op)
        case _:
            yield value, "unknown", None


def _name(item: ast.expr, op: str) -> Export:
    if isinstance(item, ast.Constant) and isinstance(item.value, str):
        return item, op, printable(item.value)
    return item, "unknown", None


def _changed_in(targets: Iterable[ast.expr]) -> Iterator[ast.Name]:
    """The nodes of ``__all__`` in other targets: if it is unpacked into, deleted, or changed by a slice."""
    for target in targets:
        yield from (node for node in ast.walk(target) if isinstance(node, ast.Name) and _is_all(node))


def _is_all(node: ast.expr) -> bool:
    return isinstance(node, ast.Name) and node.id == "__all__"
