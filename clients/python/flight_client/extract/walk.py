"""The walk over one file's syntax tree: the state that the visitors of nodes share, and the traversal.

Every node is visited once, in preorder over its fields, and numbered as in the table ``ast_nodes``: expression contexts
and operators don't count. A visitor is a function of the walk, the node and the scope in which the node's code runs.
``walk_names`` and ``walk_definitions`` have the visitors of the node classes that give rows; ``children`` visits all
other nodes.
"""

import ast
from collections.abc import Callable, Iterable, Mapping
from typing import Literal

from flight_client.extract.lexical_scopes import LexicalScope, ScopeKind, inner_scope, module_scope
from flight_client.extract.module_names import Module
from flight_client.extract.source_text import SourceText, Span
from flight_client.extract.syntax_tree import FIELDS, Located

Row = tuple[object, ...]
NameRef = tuple[int, int, str, str | None, str, LexicalScope]
Noted = tuple[str, Literal["annotated", "walrus"], LexicalScope]


class Walk:
    """The state and the result of walking one file with the visitors in ``dispatch``.

    A row starts with its span, and has the columns of ``raw_rows.ROWS``. Names in code that is never evaluated are in
    ``unevaluated`` instead of ``refs``. ``noted`` has annotated names and names bound by a walrus in a comprehension.
    By node, ``numbers`` has the ``ast_idx``, ``opened`` the scope that a definition opens (for a type alias: that of
    its type parameters), ``bound_at`` the span of a name that the node binds without an ``ast.Name``, ``made`` the
    class that a call makes (``made_classes``). ``spelled_keys`` has the keys of dictionaries, if that class needs them.
    """

    def __init__(
        self, source: SourceText, module: Module, file_id: str, dispatch: Mapping[type, Callable[..., None]]
    ) -> None:
        self.source = source
        self.module = module
        self.file_id = file_id
        self.dispatch = dispatch
        self.utf8 = source.utf8
        self.lines = source.line_starts
        self.numbered = 0
        self.scopes = [module_scope(module.name, len(source.utf8))]
        self.defers_annotations = False
        self.numbers: dict[object, int] = {}
        self.opened: dict[object, LexicalScope] = {}
        self.bound_at: dict[object, Span] = {}
        self.refs: list[NameRef] = []
        self.unevaluated: list[NameRef] = []
        self.noted: list[Noted] = []
        self.imports: list[Row] = []
        self.calls: list[Row] = []
        self.definitions: list[Row] = []
        self.params: list[Row] = []
        self.type_exprs: list[Row] = []
        self.decorators: list[Row] = []
        self.bases: list[Row] = []
        self.may_make_class: list[tuple[ast.Call, LexicalScope, str, int]] = []
        self.made: dict[ast.Call, tuple[LexicalScope, str]] = {}
        self.spelled_keys: tuple[str, ...] = ()

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

    def visit(self, node: ast.AST | None, scope: LexicalScope) -> None:
        """Visit a node, if there is one, whose code runs in ``scope``."""
        if node is not None:
            self.numbers[node] = self.numbered
            self.dispatch[node.__class__](self, node, scope)

    def visit_all(self, nodes: Iterable[ast.AST | None], scope: LexicalScope) -> None:
        """Visit nodes in order."""
        for node in nodes:
            if node is not None:
                self.numbers[node] = self.numbered
                self.dispatch[node.__class__](self, node, scope)

    def visit_unevaluated(self, node: ast.AST, scope: LexicalScope) -> None:
        """Visit a node whose code never runs."""
        refs, self.refs = self.refs, self.unevaluated
        self.visit(node, scope)
        self.refs = refs

    def refer(self, span: Span, name: str, context: str | None, kind: str, scope: LexicalScope) -> None:
        """Add a row of ``cst_name_refs``."""
        self.refs.append((*span, name, context, kind, scope))

    def bind(self, node: object, span: Span, name: str, kind: str, scope: LexicalScope) -> None:
        """Bind a name that a node binds without an ``ast.Name``, and add its row of ``cst_name_refs``."""
        self.bound_at[node] = span
        self.refs.append((*span, name, "STORE", kind, scope))
        scope.bind(name)

    def open(
        self, kind: ScopeKind, name: str, parent: LexicalScope, span: Span, *, of_class: bool = False
    ) -> LexicalScope:
        """Open a scope inside another; arguments as in ``inner_scope``."""
        opened = inner_scope(kind, name, parent, span, of_class=of_class)
        self.scopes.append(opened)
        return opened


def children(walk: Walk, node: object, scope: LexicalScope) -> None:
    """Number a node and visit the nodes in its fields."""
    walk.numbered += 1
    dispatch, numbers = walk.dispatch, walk.numbers
    for name in FIELDS[node.__class__]:
        value = getattr(node, name, None)
        if value.__class__ is list:
            for item in value:
                visitor = dispatch.get(item.__class__)
                if visitor is not None:
                    numbers[item] = walk.numbered
                    visitor(walk, item, scope)
        else:
            visitor = dispatch.get(value.__class__)
            if visitor is not None:
                numbers[value] = walk.numbered
                visitor(walk, value, scope)


def start_of(row: Row) -> int:
    """The start of a row's span."""
    return row[0] if isinstance(row[0], int) else 0
