"""The part of the walk that concerns names: which names stand where, and what binds them.

Every node is visited in preorder over its fields, as the ``ast_nodes`` table numbers them: expression contexts and
operators don't count. A node class has a handler, named in a table; what has none is ``children``.
"""

import ast
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Literal

from flight_client.extract import positions
from flight_client.extract.fstrings import FIELDS_HAVE_POSITIONS, place_fields
from flight_client.extract.modules import Module
from flight_client.extract.node_classes import FIELDS, Dispatching, Located, NamedNode
from flight_client.extract.positions import Span
from flight_client.extract.scopes import Scope, module_scope
from flight_client.extract.source import Source

Row = tuple[object, ...]
NameRef = tuple[int, int, str, str | None, str, Scope]
Noted = tuple[str, Literal["annotated", "walrus"], Scope]

CONTEXTS: Mapping[type[ast.AST], str] = MappingProxyType({ast.Load: "LOAD", ast.Store: "STORE", ast.Del: "DEL"})


def start_of(row: Row) -> int:
    """Where a row's span starts."""
    return row[0] if isinstance(row[0], int) else 0


NAME_HANDLERS = MappingProxyType(
    {
        "Name": "_name",
        "Constant": "_constant",
        "Attribute": "_attribute",
        "keyword": "_keyword",
        "Import": "_import_",
        "ImportFrom": "_import_from",
        "Global": "_global_",
        "Nonlocal": "_nonlocal_",
        "ExceptHandler": "_except_handler",
        "MatchAs": "_match_as",
        "MatchStar": "_match_star",
        "MatchMapping": "_match_mapping",
        "MatchClass": "_match_class",
        "NamedExpr": "_named_expr",
        "TypeVar": "_type_param",
        "ParamSpec": "_type_param",
        "TypeVarTuple": "_type_param",
        "JoinedStr": "_joined_str",
        "FormattedValue": "_formatted_value",
    }
)


class NameWalk(Dispatching):
    """Walks one file's names into rows of ``cst_name_refs`` and ``cst_imports``, and bindings into scopes.

    A row starts with its span, ends with its scope, and has the columns of ``tables.ROWS`` between. Names in what is
    never evaluated are ``unevaluated``, no ``refs``; ``noted`` is what these don't tell about names (``symbols``). A
    subclass adds handlers. Raises ValueError for a name that can't be placed, RecursionError for a tree too deep.
    """

    handlers = NAME_HANDLERS
    otherwise = "children"

    def __init__(self, source: Source, module: Module) -> None:
        self.source = source
        self.module = module
        self.utf8 = source.utf8
        self.lines = source.line_starts
        self.numbered = 0
        self.scopes = [module_scope(module.name, len(source.utf8))]
        self.refs: list[NameRef] = []
        self.unevaluated: list[NameRef] = []
        self.noted: list[Noted] = []
        self.defers_annotations = False
        self.imports: list[Row] = []
        self.numbers: dict[object, int] = {}
        self.bound_at: dict[object, Span] = {}

    def name_refs(self) -> list[NameRef]:
        """All rows of ``cst_name_refs``, in source order."""
        return sorted((*self.refs, *self.unevaluated), key=start_of)

    def span(self, node: Located) -> Span:
        """The byte offsets of a node."""
        lines = self.lines
        return (
            lines[node.lineno - 1] + node.col_offset,
            lines[(node.end_lineno or node.lineno) - 1] + (node.end_col_offset or 0),
        )

    def visit(self, node: ast.AST | None, scope: Scope) -> None:
        """Walk a node, if there is one, whose code runs in ``scope``."""
        if node is not None:
            self.numbers[node] = self.numbered
            self.dispatch[node.__class__](self, node, scope)

    def visit_all(self, nodes: Iterable[ast.AST | None], scope: Scope) -> None:
        """Walk nodes in turn."""
        for node in nodes:
            if node is not None:
                self.numbers[node] = self.numbered
                self.dispatch[node.__class__](self, node, scope)

    def children(self, node: object, scope: Scope) -> None:
        """Number a node and walk what its fields hold."""
        self.numbered += 1
        dispatch, numbers = self.dispatch, self.numbers
        for name in FIELDS[node.__class__]:
            value = getattr(node, name, None)
            if value.__class__ is list:
                for item in value:
                    handler = dispatch.get(item.__class__)
                    if handler is not None:
                        numbers[item] = self.numbered
                        handler(self, item, scope)
            else:
                handler = dispatch.get(value.__class__)
                if handler is not None:
                    numbers[value] = self.numbered
                    handler(self, value, scope)

    def refer(self, span: Span, name: str, context: str | None, kind: str, scope: Scope) -> None:
        """Add a row of ``cst_name_refs``."""
        self.refs.append((*span, name, context, kind, scope))

    def bind(self, node: object, span: Span, name: str, kind: str, scope: Scope) -> None:
        """A name that a node binds, which is no ``ast.Name``."""
        self.bound_at[node] = span
        self.refer(span, name, "STORE", kind, scope)
        scope.bind(name)

    def visit_unevaluated(self, node: ast.AST, scope: Scope) -> None:
        """Walk a node whose code never runs."""
        refs, self.refs = self.refs, self.unevaluated
        self.visit(node, scope)
        self.refs = refs

    def _constant(self, _node: ast.Constant, _scope: Scope) -> None:
        self.numbered += 1

    def _name(self, node: ast.Name, scope: Scope) -> None:
        self.numbered += 1
        name, context, column = node.id, CONTEXTS[node.ctx.__class__], node.col_offset
        if context == "STORE":
            scope.bind(name)
        start = self.lines[node.lineno - 1] + column
        end = start + (node.end_col_offset or column) - column  # a name stands on one line
        self.refs.append((start, end, name, context, "name", scope))

    def _attribute(self, node: ast.Attribute, scope: Scope) -> None:
        self.numbered += 1
        name = node.attr
        span = positions.name_before(self.utf8, self.span(node)[1], name)
        self.refs.append((*span, name, CONTEXTS[node.ctx.__class__], "attribute", scope))
        self.visit(node.value, scope)

    def _keyword(self, node: ast.keyword, scope: Scope) -> None:
        self.numbered += 1
        if node.arg is not None:
            self.refer(positions.name_at(self.utf8, self.span(node)[0]), node.arg, None, "keyword", scope)
        self.visit(node.value, scope)

    def _named_expr(self, node: ast.NamedExpr, scope: Scope) -> None:
        """A walrus binds in the nearest scope that is no comprehension, though the comprehension's code does it."""
        self.numbered += 2
        self.refer(self.span(node.target), node.target.id, "STORE", "name", scope)
        holder = scope
        while holder.kind == "comprehension" and holder.parent is not None:
            holder = holder.parent
        holder.bind(node.target.id)
        if holder is not scope:
            self.noted.append((node.target.id, "walrus", scope))
        self.visit(node.value, scope)

    def _import_(self, node: ast.Import, scope: Scope) -> None:
        self.numbered += 1
        for alias in node.names:
            name, asname = alias.name, alias.asname
            bound = asname or name.partition(".")[0]
            self._imported(node, alias, bound, scope)
            if asname:
                scope.bind(asname, name)
                continue
            scope.bind(bound, bound)
            for position, character in enumerate(name + "."):
                if character == "." and position > len(bound):
                    scope.bind(name[:position], name[:position])
                    scope.has_dotted = True

    def _import_from(self, node: ast.ImportFrom, scope: Scope) -> None:
        self.numbered += 1
        origin = self.module.absolute(node.level, node.module or "")
        for alias in node.names:
            bound = alias.asname or alias.name
            self._imported(node, alias, bound, scope)
            self.defers_annotations |= origin == "__future__" and alias.name == "annotations"
            if bound != "*":
                separator = "" if origin.endswith(".") else "."
                scope.bind(bound, f"{origin}{separator}{alias.name}")

    def _imported(self, node: ast.Import | ast.ImportFrom, alias: ast.alias, bound: str, scope: Scope) -> None:
        self.numbered += 1
        span = self.span(alias)
        origin = ("import_from", node.module, node.level) if isinstance(node, ast.ImportFrom) else ("import", None, 0)
        is_star = alias.name == "*"
        row = (*origin, alias.name, alias.asname, is_star, *self.span(node), scope)
        self.imports.append((*span, *row))
        if is_star:
            return
        find_before = alias.asname is not None
        at = positions.name_before(self.utf8, span[1], bound) if find_before else positions.name_at(self.utf8, span[0])
        self.bound_at[alias] = at
        self.refer(at, bound, "STORE", "import", scope)

    def _global_(self, node: ast.Global, scope: Scope) -> None:
        self._declared(node, scope)
        if scope.kind != "module":
            scope.globals |= frozenset(node.names)

    def _nonlocal_(self, node: ast.Nonlocal, scope: Scope) -> None:
        self._declared(node, scope)
        scope.nonlocals |= frozenset(node.names)

    def _declared(self, node: ast.Global | ast.Nonlocal, scope: Scope) -> None:
        self.numbered += 1
        spans = positions.declared_names(self.utf8, self.span(node)[0], len(node.names))
        for span, name in zip(spans, node.names, strict=True):
            self.refer(span, name, None, "global", scope)

    def _except_handler(self, node: ast.ExceptHandler, scope: Scope) -> None:
        if node.name is not None and node.type is not None:
            span = positions.as_name(self.utf8, self.span(node.type)[1])
            self.bind(node, span, node.name, "except", scope)
        self.children(node, scope)

    def _match_as(self, node: ast.MatchAs, scope: Scope) -> None:
        if node.name is not None:
            span = positions.name_before(self.utf8, self.span(node)[1], node.name)
            self.bind(node, span, node.name, "match", scope)
        self.children(node, scope)

    def _match_star(self, node: ast.MatchStar, scope: Scope) -> None:
        self.numbered += 1
        if node.name is not None:
            span = positions.name_before(self.utf8, self.span(node)[1], node.name)
            self.bind(node, span, node.name, "match", scope)

    def _match_mapping(self, node: ast.MatchMapping, scope: Scope) -> None:
        if node.rest is not None:
            start = self.span(node.patterns[-1])[1] if node.patterns else self.span(node)[0]
            self.bind(node, positions.rest_name(self.utf8, start), node.rest, "match", scope)
        self.children(node, scope)

    def _match_class(self, node: ast.MatchClass, scope: Scope) -> None:
        end = self.span(node.patterns[-1] if node.patterns else node.cls)[1]
        for name, pattern in zip(node.kwd_attrs, node.kwd_patterns, strict=True):
            self.refer(positions.keyword_name(self.utf8, end), name, None, "keyword", scope)
            end = self.span(pattern)[1]
        self.children(node, scope)

    def _type_param(self, node: NamedNode, scope: Scope) -> None:
        self.bind(node, positions.starred_name(self.utf8, self.span(node)[0]), node.name, "param", scope)
        self.children(node, scope)

    def _joined_str(self, node: ast.JoinedStr, scope: Scope) -> None:
        if not FIELDS_HAVE_POSITIONS:
            place_fields(node, self.source, *self.span(node))
        self._string_parts(node, scope)

    def _formatted_value(self, node: ast.FormattedValue, scope: Scope) -> None:
        self.numbered += 1
        self.visit(node.value, scope)
        if isinstance(node.format_spec, ast.JoinedStr):
            self._string_parts(node.format_spec, scope)

    def _string_parts(self, node: ast.JoinedStr, scope: Scope) -> None:
        """Some interpreters add empty constants to a format specification: they don't count."""
        self.numbered += 1
        for value in node.values:
            if not (isinstance(value, ast.Constant) and value.value == ""):
                self.visit(value, scope)
