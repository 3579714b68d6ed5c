"""The syntax tree: its node classes, and functions of single nodes (the parameters of a signature, a dotted name)."""

import ast
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Protocol, TypeVar

CHAIN_LINKS = 200

Visitor = TypeVar("Visitor", bound=Callable[..., Any])
Function = ast.FunctionDef | ast.AsyncFunctionDef
Comprehension = ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp

_UNNUMBERED = (ast.expr_context, ast.operator, ast.boolop, ast.unaryop, ast.cmpop, ast.type_ignore)
_NO_NODES = frozenset({"ctx", "op", "ops", "type_comment", "type_ignores", "kind", "level", "conversion", "is_async"})
_LITERALS: Mapping[type[ast.AST], str] = MappingProxyType(
    {
        ast.JoinedStr: "str",
        ast.List: "list",
        ast.ListComp: "list",
        ast.Dict: "dict",
        ast.DictComp: "dict",
        ast.Set: "set",
        ast.SetComp: "set",
        ast.Tuple: "tuple",
    }
)
_CONSTANTS = frozenset({str, bytes, int, float, complex, bool})


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
    """A node with a name: a definition, a type parameter (``ast.TypeVar`` and so on, 3.12)."""

    @property
    def name(self) -> str:
        """Its name, normalised."""


class TypeAliasNode(Located, Protocol):
    """``ast.TypeAlias`` (3.12)."""

    name: ast.Name
    type_params: list[ast.AST]
    value: ast.expr


# Classes and fields that came after 3.11. The running interpreter may lack them, but get a tree of a newer parser.
_NEWER: Mapping[str, tuple[type[ast.AST], tuple[str, ...]]] = MappingProxyType(
    {
        **dict.fromkeys(("FunctionDef", "AsyncFunctionDef", "ClassDef"), (ast.stmt, ("type_params",))),
        "TypeAlias": (ast.stmt, ("name", "type_params", "value")),
        "TypeVar": (ast.AST, ("name", "bound", "default_value")),
        **dict.fromkeys(("ParamSpec", "TypeVarTuple"), (ast.AST, ("name", "default_value"))),
        "TemplateStr": (ast.expr, ("values",)),
        "Interpolation": (ast.expr, ("value", "str", "conversion", "format_spec")),
    }
)


def _node_classes() -> dict[str, type[ast.AST]]:
    found = (value for value in vars(ast).values() if isinstance(value, type) and issubclass(value, ast.AST))
    known = {found.__name__: found for found in found if not issubclass(found, _UNNUMBERED)}
    return known | {name: type(name, (base,), {}) for name, (base, _) in _NEWER.items() if name not in known}


def _fields(found: type[ast.AST]) -> tuple[str, ...]:
    _, newer = _NEWER.get(found.__name__, (found, ()))
    return tuple(name for name in dict.fromkeys((*found._fields, *newer)) if name not in _NO_NODES)


NODE_CLASSES = _node_classes()
FIELDS: dict[type, tuple[str, ...]] = {found: _fields(found) for found in NODE_CLASSES.values()}


def node_class(name: str) -> type[ast.AST]:
    """The class of a name in ``ast``, also one that the running interpreter lacks."""
    found: type[ast.AST] = NODE_CLASSES.get(name) or getattr(ast, name)
    return found


def dispatch_table(visitors: Mapping[str, Visitor], otherwise: Visitor) -> dict[type, Visitor]:
    """The visitor of each node class. A key of ``visitors`` is one or more class names."""
    named = {name: visitor for names, visitor in visitors.items() for name in names.split()}
    return {found: named.get(name, otherwise) for name, found in NODE_CLASSES.items()}


def parameters(node: ast.arguments) -> list[ast.arg]:
    """The parameters in the order of the signature; positions are indexes into this list."""
    found = [*node.posonlyargs, *node.args, node.vararg, *node.kwonlyargs, node.kwarg]
    return [parameter for parameter in found if parameter is not None]


def defaults(node: ast.arguments) -> dict[int, ast.expr]:
    """The defaults by the positions of their parameters."""
    positional = len(node.posonlyargs) + len(node.args)
    found = dict(enumerate(node.defaults, positional - len(node.defaults)))
    keywords = enumerate(node.kw_defaults, positional + (node.vararg is not None))
    return found | {position: default for position, default in keywords if default is not None}


def parts_of(node: ast.JoinedStr) -> list[ast.expr]:
    """The parts of an f-string, without empty constants, which only some interpreters add."""
    return [value for value in node.values if not (isinstance(value, ast.Constant) and value.value == "")]


def dotted_name(node: ast.expr, *, is_called: bool = False) -> tuple[str | None, bool]:
    """The dotted name of a chain of attributes, without its calls and subscripts, and whether it had none of these.

    What a call returns has no name as a callee (``is_called``): ``f()(x)`` does not call ``f`` with ``x``. A chain of
    more than CHAIN_LINKS has no name, because the rows of nested chains would grow with its square.
    """
    parts = []
    is_pure = True
    for _ in range(CHAIN_LINKS):
        match node:
            case ast.Name():
                parts.append(node.id)
                return ".".join(reversed(parts)), is_pure
            case ast.Attribute():
                parts.append(node.attr)
                is_called, node = False, node.value
            case ast.Call() if is_called:
                return None, False
            case ast.Call():
                is_pure, is_called, node = False, True, node.func
            case ast.Subscript():
                is_pure, node = False, node.value
            case _:
                return None, False
    return None, False


def method_of_literal(callee: ast.expr) -> str | None:
    """``str.join`` for ``"".join``. A longer chain has no name, since the type that the method returns is unknown."""
    if not isinstance(callee, ast.Attribute):
        return None
    literal = callee.value
    type_name = _LITERALS.get(type(literal))
    if isinstance(literal, ast.Constant) and type(literal.value) in _CONSTANTS:
        type_name = type(literal.value).__name__
    return f"{type_name}.{callee.attr}" if type_name else None
