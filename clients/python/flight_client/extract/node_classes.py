"""The classes of syntax nodes: which count as nodes of ``ast_nodes``, what they hold, what is asked of them."""

import ast
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, ClassVar, Protocol

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


class Dispatching:
    """Handles nodes by their classes: ``handlers`` names the method for each, ``otherwise`` that for all others.

    ``dispatch`` has a class's plain functions, to be called with the object that handles. Were they bound methods of
    it, it would be part of a cycle, and what it knows of a file, the tree too, would wait for the garbage collector.
    """

    handlers: ClassVar[Mapping[str, str]] = MappingProxyType({})
    otherwise: ClassVar[str]
    dispatch: ClassVar[dict[type, Callable[..., Any]]]

    def __init_subclass__(cls) -> None:
        """Look the methods up, once for each class."""
        named = {NODE_CLASSES[kind]: method for kind, method in cls.handlers.items() if kind in NODE_CLASSES}
        cls.dispatch = {found: getattr(cls, named.get(found, cls.otherwise)) for found in NODE_CLASSES.values()}
