"""The classes of syntax nodes: which count as nodes of ``ast_nodes``, what they hold, what is asked of them."""

import ast
from typing import Protocol

UNNUMBERED = (ast.expr_context, ast.operator, ast.boolop, ast.unaryop, ast.cmpop, ast.type_ignore)
_NO_NODES = frozenset({"ctx", "op", "ops", "type_comment", "type_ignores", "kind", "level", "conversion", "is_async"})


class Located(Protocol):
    """A node with a position: lines from 1, columns in bytes."""

    @property
    def lineno(self) -> int:
        """The line of its first byte."""

    @property
    def col_offset(self) -> int:
        """The column of its first byte."""

    @property
    def end_lineno(self) -> int | None:
        """The line of its last byte."""

    @property
    def end_col_offset(self) -> int | None:
        """The column after its last byte."""


class NamedNode(Located, Protocol):
    """A node with a name: a definition, a type parameter (``ast.TypeVar``… of 3.12)."""

    @property
    def name(self) -> str:
        """Its name, normalised."""


def _node_classes() -> dict[str, type[ast.AST]]:
    found = (value for value in vars(ast).values() if isinstance(value, type) and issubclass(value, ast.AST))
    return {found.__name__: found for found in found if not issubclass(found, UNNUMBERED)}


NODE_CLASSES = _node_classes()
FIELDS: dict[type, tuple[str, ...]] = {
    found: tuple(name for name in found._fields if name not in _NO_NODES) for found in NODE_CLASSES.values()
}
