"""What the code of one point does to variables, in the order of evaluation (Python 3.11's).

A load of a name is a use, a store a def, ``del`` a kill. The code of functions, classes, lambdas and comprehensions
inside runs elsewhere: they are ``inner`` owners, and only what is evaluated where they stand counts here (decorators,
defaults, annotations, bases, a comprehension's first iterable). Annotations of variables in functions, and all of
them after ``from __future__ import annotations``, are never evaluated and have no events. Parts that may be skipped
(``a and b``, ``b if a else c``) count as evaluated.
"""

import ast
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Literal, Protocol

from flight_client.extract.lexical_scopes import LexicalScope, mangled
from flight_client.extract.source_text import SourceText, Span
from flight_client.extract.syntax_tree import (
    FIELDS,
    Comprehension,
    Dispatching,
    Function,
    Located,
    NamedNode,
    TypeAliasNode,
    parameters,
)

Owner = ast.Module | ast.ClassDef | Function | ast.Lambda | Comprehension
EventKind = Literal["param", "def", "use", "kill"]
Binding = tuple[LexicalScope, str]
Event = tuple[Binding, EventKind, int | None, int | None]

_KINDS: Mapping[type[ast.AST], EventKind] = MappingProxyType({ast.Load: "use", ast.Store: "def", ast.Del: "kill"})
_EAGER = frozenset({"module", "class"})
HANDLERS = MappingProxyType(
    {
        "Name": "_name",
        "Constant": "_nothing",
        "Attribute": "_attribute",
        "Call": "_call",
        "Dict": "_dict",
        "IfExp": "_if_exp",
        "NamedExpr": "_named_expr",
        "Lambda": "_lambda",
        "ListComp": "_comprehension",
        "SetComp": "_comprehension",
        "DictComp": "_comprehension",
        "GeneratorExp": "_comprehension",
        "Assign": "_assign",
        "AugAssign": "_aug_assign",
        "AnnAssign": "_ann_assign",
        "FunctionDef": "_function",
        "AsyncFunctionDef": "_function",
        "ClassDef": "_class",
        "TypeAlias": "_type_alias",
        "TypeVar": "_type_param",
        "ParamSpec": "_type_param",
        "TypeVarTuple": "_type_param",
        "Import": "_import",
        "ImportFrom": "_import",
        "MatchAs": "_capture",
        "MatchStar": "_capture",
        "MatchMapping": "_match_mapping",
    }
)


class WalkedFile(Protocol):
    """What a finished walk tells about the nodes of its file."""

    @property
    def file_id(self) -> str:
        """The file's id."""

    @property
    def source(self) -> SourceText:
        """The file's source."""

    def span(self, node: Located) -> Span:
        """The byte offsets of a node."""

    @property
    def defers_annotations(self) -> bool:
        """Whether no annotation in the file is ever evaluated (PEP 563)."""

    @property
    def numbers(self) -> Mapping[object, int]:
        """The ``ast_idx`` of each node."""

    @property
    def opened(self) -> Mapping[object, LexicalScope]:
        """The scope that a definition's node opened; a type alias opens that of its type parameters."""

    @property
    def bound_at(self) -> Mapping[object, Span]:
        """Where the name stands that a definition, parameter, alias, handler or pattern binds."""


class Bindings(dict[str, Binding]):
    """The bindings that names mean in a scope: found when first asked for."""

    def __init__(self, scope: LexicalScope) -> None:
        super().__init__()
        self.scope = scope

    def __missing__(self, name: str) -> Binding:
        found = self[name] = binding(self.scope, name)
        return found


def binding(scope: LexicalScope, name: str) -> Binding:
    """The symbol (a scope and a name as it is looked up there) that binds what a name means in a scope.

    A name that nothing in the module binds is this scope's own. A private name means one that is mangled alike.
    """
    lookup = mangled(name, scope.private)
    home = scope.home(name)
    if home is None or mangled(name, home.private) != lookup:
        home = scope
    return home, lookup


class VariableEvents(Dispatching):
    """Collects events of one owner at a time: the caller sets ``scope`` and takes what ``of`` gives for each point.

    An event is its binding, its kind, and where its name stands (start and end are None where it doesn't).
    """

    handlers = HANDLERS
    otherwise = "_children"

    def __init__(self, walked: WalkedFile) -> None:
        self.walked = walked
        self.lines = walked.source.line_starts
        self.inner: list[Owner] = []
        self._events: list[Event] = []
        self._known: dict[LexicalScope, Bindings] = {}

    @property
    def scope(self) -> LexicalScope:
        """The scope whose code runs."""
        return self._bindings.scope

    @scope.setter
    def scope(self, scope: LexicalScope) -> None:
        known = self._known.get(scope)
        if known is None:
            known = self._known[scope] = Bindings(scope)
        self._bindings = known

    def of(self, *nodes: ast.AST) -> list[Event]:
        """The events of evaluating nodes in turn."""
        events = self._events = []
        self._visit_all(nodes)
        return events

    def bound(self, node: object, name: str, kind: EventKind = "def") -> Event:
        """The event of binding a name that is no ``ast.Name``."""
        return (self._bindings[name], kind, *self.walked.bound_at[node])

    def forgotten(self, name: str) -> Event:
        """The event of unbinding a name that the source doesn't spell there: an exception's at its handler's end."""
        return (self._bindings[name], "kill", None, None)

    def _visit(self, node: ast.AST) -> None:
        self.dispatch[node.__class__](self, node)

    def _visit_all(self, nodes: Iterable[ast.AST | None]) -> None:
        dispatch = self.dispatch
        for node in nodes:
            if node is not None:
                dispatch[node.__class__](self, node)

    def _visit_in(self, scope: LexicalScope, nodes: Iterable[ast.AST | None]) -> None:
        here, self.scope = self.scope, scope
        self._visit_all(nodes)
        self.scope = here

    def _children(self, node: object) -> None:
        dispatch = self.dispatch
        for name in FIELDS[node.__class__]:
            value = getattr(node, name, None)
            if value.__class__ is list:
                for item in value:
                    handler = dispatch.get(item.__class__)
                    if handler is not None:
                        handler(self, item)
            else:
                handler = dispatch.get(value.__class__)
                if handler is not None:
                    handler(self, value)

    def _nothing(self, node: ast.Constant) -> None:
        pass

    def _name(self, node: ast.Name) -> None:
        column = node.col_offset
        start = self.lines[node.lineno - 1] + column
        end = start + (node.end_col_offset or column) - column
        self._events.append((self._bindings[node.id], _KINDS[node.ctx.__class__], start, end))

    def _attribute(self, node: ast.Attribute) -> None:
        value = node.value
        self.dispatch[value.__class__](self, value)

    def _call(self, node: ast.Call) -> None:
        dispatch = self.dispatch
        callee = node.func
        dispatch[callee.__class__](self, callee)
        for argument in node.args:
            dispatch[argument.__class__](self, argument)
        for keyword in node.keywords:
            value = keyword.value
            dispatch[value.__class__](self, value)

    def _dict(self, node: ast.Dict) -> None:
        for pair in zip(node.keys, node.values, strict=True):
            self._visit_all(pair)

    def _if_exp(self, node: ast.IfExp) -> None:
        self._visit_all((node.test, node.body, node.orelse))

    def _named_expr(self, node: ast.NamedExpr) -> None:
        self._visit_all((node.value, node.target))

    def _lambda(self, node: ast.Lambda) -> None:
        self.inner.append(node)
        self._visit_all(node.args.defaults)
        self._visit_all(node.args.kw_defaults)

    def _comprehension(self, node: Comprehension) -> None:
        self.inner.append(node)
        self._visit(node.generators[0].iter)

    def _assign(self, node: ast.Assign) -> None:
        self._visit(node.value)
        self._visit_all(node.targets)

    def _aug_assign(self, node: ast.AugAssign) -> None:
        """A name is used, then defined, at one place; any other target is evaluated once."""
        target = node.target
        self._visit(target)
        if not isinstance(target, ast.Name):
            self._visit(node.value)
            return
        defined, kind, start, end = self._events.pop()
        self._events.append((defined, "use", start, end))
        self._visit(node.value)
        self._events.append((defined, kind, start, end))

    def _ann_assign(self, node: ast.AnnAssign) -> None:
        """Without a value a name is only declared."""
        if node.value is not None:
            self._visit(node.value)
        if node.value is not None or not isinstance(node.target, ast.Name):
            self._visit(node.target)
        if self.scope.kind in _EAGER and not self.walked.defers_annotations:
            self._visit(node.annotation)

    def _function(self, node: Function) -> None:
        self.inner.append(node)
        self._visit_all(node.decorator_list)
        self._visit_all(node.args.defaults)
        self._visit_all(node.args.kw_defaults)
        annotations = [parameter.annotation for parameter in parameters(node.args)]
        self._type_params(node, [] if self.walked.defers_annotations else [*annotations, node.returns])
        self._events.append(self.bound(node, node.name))

    def _class(self, node: ast.ClassDef) -> None:
        self.inner.append(node)
        self._visit_all(node.decorator_list)
        self._type_params(node, [*node.bases, *node.keywords])
        self._events.append(self.bound(node, node.name))

    def _type_params(self, node: Function | ast.ClassDef, nodes: Iterable[ast.AST | None]) -> None:
        """Type parameters (3.12), and what is evaluated in their scope; without them that is the scope around."""
        found = getattr(node, "type_params", ())
        parent = self.walked.opened[node].parent
        self._visit_in(parent if found and parent is not None else self.scope, [*found, *nodes])

    def _type_alias(self, node: TypeAliasNode) -> None:
        self._visit_in(self.walked.opened[node], [*node.type_params, node.value])
        self._visit(node.name)

    def _type_param(self, node: NamedNode) -> None:
        self._events.append(self.bound(node, node.name))
        self._children(node)

    def _import(self, node: ast.Import | ast.ImportFrom) -> None:
        """``import a.b`` defines ``a``; what a star defines is not known."""
        for alias in node.names:
            if alias.name != "*":
                name = alias.asname or alias.name.partition(".")[0]
                self._events.append(self.bound(alias, name))

    def _capture(self, node: ast.MatchAs | ast.MatchStar) -> None:
        self._children(node)
        if node.name is not None:
            self._events.append(self.bound(node, node.name))

    def _match_mapping(self, node: ast.MatchMapping) -> None:
        self._children(node)
        if node.rest is not None:
            self._events.append(self.bound(node, node.rest))
