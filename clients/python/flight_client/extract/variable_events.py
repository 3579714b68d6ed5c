"""The effects of one point's code on variables, in the order of evaluation (Python 3.11's).

A load of a name is a use, a store a def, ``del`` a kill. The code of nested functions, classes, lambdas and
comprehensions runs elsewhere: they are ``inner`` owners, and only their parts that are evaluated in place give events
(decorators, defaults, annotations, bases, a comprehension's first iterable). Annotations of variables in functions, and
all annotations after ``from __future__ import annotations``, are never evaluated and have no events. Parts that may be
skipped (``a and b``, ``b if a else c``) count as evaluated.
"""

import ast
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any, Literal

from flight_client.extract.lexical_scopes import LexicalScope, mangled
from flight_client.extract.memo import Memo
from flight_client.extract.syntax_tree import (
    FIELDS,
    Comprehension,
    Function,
    NamedNode,
    TypeAliasNode,
    dispatch_table,
    parameters,
)
from flight_client.extract.walk import Walk

Owner = ast.Module | ast.ClassDef | Function | ast.Lambda | Comprehension
EventKind = Literal["param", "def", "use", "kill"]
Binding = tuple[LexicalScope, str]
Event = tuple[Binding, EventKind, int | None, int | None]

_KINDS: Mapping[type[ast.AST], EventKind] = {ast.Load: "use", ast.Store: "def", ast.Del: "kill"}
_EAGER = frozenset({"module", "class"})
_EVALUATED: Mapping[type, tuple[str, ...]] = {  # fields in the order of evaluation
    **FIELDS,
    ast.Constant: (),
    ast.IfExp: ("test", "body", "orelse"),
    ast.NamedExpr: ("value", "target"),
    ast.Assign: ("value", "targets"),
}


def binding_of(scope: LexicalScope, name: str, default: LexicalScope) -> Binding:
    """The symbol (a scope and a mangled name) that a name means in a scope.

    A name that the module does not bind belongs to ``default``.
    """
    return scope.home(name) or default, mangled(name, scope.private)


def _bindings(scope: LexicalScope) -> Memo[str, Binding]:
    return Memo(partial(binding_of, scope, default=scope))


class VariableEvents:
    """Collects the events of one owner at a time: the caller enters its scope and calls ``of`` for each point.

    An event is a binding, a kind, and the span of the name (start and end are None if the source spells no name).
    """

    def __init__(self, walk: Walk) -> None:
        self.walk = walk
        self.lines = walk.source.line_starts
        self.inner: list[Owner] = []
        self.found: list[Event] = []
        self._bindings_of = Memo(_bindings)
        self.enter(walk.scopes[0])

    def enter(self, scope: LexicalScope) -> None:
        """Set the scope whose code runs."""
        self.scope = scope
        self.bindings = self._bindings_of[scope]

    def of(self, *nodes: ast.AST) -> list[Event]:
        """The events of evaluating nodes in order."""
        events = self.found = []
        self.visit_all(nodes)
        return events

    def bound(self, node: object, name: str, kind: EventKind = "def") -> Event:
        """The event of binding a name without an ``ast.Name``."""
        return (self.bindings[name], kind, *self.walk.bound_at[node])

    def forgotten(self, name: str) -> Event:
        """The event of unbinding a name without spelling it: the name of an exception, at the end of its handler."""
        return (self.bindings[name], "kill", None, None)

    def visit_all(self, nodes: Iterable[ast.AST | None]) -> None:
        """Add the events of evaluating nodes in order."""
        for node in nodes:
            if node is not None:
                _DISPATCH[node.__class__](self, node)

    def visit_in(self, scope: LexicalScope, nodes: Iterable[ast.AST | None]) -> None:
        """Add the events of nodes that are evaluated in another scope."""
        here = self.scope
        self.enter(scope)
        self.visit_all(nodes)
        self.enter(here)


def _children(events: VariableEvents, node: object) -> None:
    visitor_of = _DISPATCH.get
    for name in _EVALUATED[node.__class__]:
        value = getattr(node, name, None)
        if value.__class__ is list:
            for item in value:
                visitor = visitor_of(item.__class__)
                if visitor is not None:
                    visitor(events, item)
        else:
            visitor = visitor_of(value.__class__)
            if visitor is not None:
                visitor(events, value)


def _name(events: VariableEvents, node: ast.Name) -> None:
    column = node.col_offset
    start = events.lines[node.lineno - 1] + column
    end = start + (node.end_col_offset or column) - column
    events.found.append((events.bindings[node.id], _KINDS[node.ctx.__class__], start, end))


def _attribute(events: VariableEvents, node: ast.Attribute) -> None:
    value = node.value
    _DISPATCH[value.__class__](events, value)


def _call(events: VariableEvents, node: ast.Call) -> None:
    dispatch = _DISPATCH
    callee = node.func
    dispatch[callee.__class__](events, callee)
    for argument in node.args:
        dispatch[argument.__class__](events, argument)
    for keyword in node.keywords:
        value = keyword.value
        dispatch[value.__class__](events, value)


def _dict(events: VariableEvents, node: ast.Dict) -> None:
    for pair in zip(node.keys, node.values, strict=True):
        events.visit_all(pair)


def _lambda(events: VariableEvents, node: ast.Lambda) -> None:
    events.inner.append(node)
    events.visit_all((*node.args.defaults, *node.args.kw_defaults))


def _comprehension(events: VariableEvents, node: Comprehension) -> None:
    events.inner.append(node)
    events.visit_all((node.generators[0].iter,))


def _aug_assign(events: VariableEvents, node: ast.AugAssign) -> None:
    """Add the events of ``x += y``: a name is used, then defined, with one span; other targets are evaluated once."""
    events.visit_all((node.target,))
    if not isinstance(node.target, ast.Name):
        events.visit_all((node.value,))
        return
    defined, kind, start, end = events.found.pop()
    events.found.append((defined, "use", start, end))
    events.visit_all((node.value,))
    events.found.append((defined, kind, start, end))


def _ann_assign(events: VariableEvents, node: ast.AnnAssign) -> None:
    """Add the events of an annotated assignment; without a value a name is only declared."""
    is_declared = node.value is None and isinstance(node.target, ast.Name)
    is_eager = events.scope.kind in _EAGER and not events.walk.defers_annotations
    events.visit_all((node.value, None if is_declared else node.target, node.annotation if is_eager else None))


def _function(events: VariableEvents, node: Function) -> None:
    events.inner.append(node)
    events.visit_all((*node.decorator_list, *node.args.defaults, *node.args.kw_defaults))
    annotations = [parameter.annotation for parameter in parameters(node.args)]
    _parametrised(events, node, [] if events.walk.defers_annotations else [*annotations, node.returns])


def _class(events: VariableEvents, node: ast.ClassDef) -> None:
    events.inner.append(node)
    events.visit_all(node.decorator_list)
    _parametrised(events, node, [*node.bases, *node.keywords])


def _parametrised(events: VariableEvents, node: Function | ast.ClassDef, nodes: Iterable[ast.AST | None]) -> None:
    """Add the events of type parameters (3.12), of the nodes evaluated in their scope (if any), and of the name."""
    found = getattr(node, "type_params", ())
    parent = events.walk.opened[node].parent
    events.visit_in(parent if found and parent is not None else events.scope, [*found, *nodes])
    events.found.append(events.bound(node, node.name))


def _type_alias(events: VariableEvents, node: TypeAliasNode) -> None:
    events.visit_in(events.walk.opened[node], [*node.type_params, node.value])
    events.visit_all((node.name,))


def _type_param(events: VariableEvents, node: NamedNode) -> None:
    events.found.append(events.bound(node, node.name))
    _children(events, node)


def _import(events: VariableEvents, node: ast.Import | ast.ImportFrom) -> None:
    """``import a.b`` defines ``a``; the names that a star import defines are unknown."""
    names = ((alias, alias.asname or alias.name.partition(".")[0]) for alias in node.names if alias.name != "*")
    events.found.extend([events.bound(alias, name) for alias, name in names])


def _capture(events: VariableEvents, node: ast.MatchAs | ast.MatchStar | ast.MatchMapping) -> None:
    _children(events, node)
    name = node.rest if isinstance(node, ast.MatchMapping) else node.name
    if name is not None:
        events.found.append(events.bound(node, name))


_DISPATCH: Mapping[type, Callable[[VariableEvents, Any], None]] = dispatch_table(
    {
        "Name": _name,
        "Attribute": _attribute,
        "Call": _call,
        "Dict": _dict,
        "Lambda": _lambda,
        "ListComp SetComp DictComp GeneratorExp": _comprehension,
        "AugAssign": _aug_assign,
        "AnnAssign": _ann_assign,
        "FunctionDef AsyncFunctionDef": _function,
        "ClassDef": _class,
        "TypeAlias": _type_alias,
        "TypeVar ParamSpec TypeVarTuple": _type_param,
        "Import ImportFrom": _import,
        "MatchAs MatchStar MatchMapping": _capture,
    },
    _children,
)
