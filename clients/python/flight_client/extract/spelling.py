"""The name that a callee or decorator spells, before anyone asks what it means."""

import ast
from collections.abc import Mapping
from types import MappingProxyType

CHAIN_LINKS = 200

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
_CONSTANTS = MappingProxyType(
    {str: "str", bytes: "bytes", int: "int", float: "float", complex: "complex", bool: "bool"}
)


def dotted_name(node: ast.expr) -> tuple[str | None, bool]:
    """The name that a chain of attributes spells, seen through calls and subscripts, and whether there were none.

    A chain of more than CHAIN_LINKS has none: names of names would make rows grow with the square of the source.
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
                node = node.value
            case ast.Call():
                is_pure, node = False, node.func
            case ast.Subscript():
                is_pure, node = False, node.value
            case _:
                return None, False
    return None, False


def method_of_literal(callee: ast.expr) -> str | None:
    """``str.join`` for ``"".join``; what a method of a literal returns is not known, so chains have no name."""
    if not isinstance(callee, ast.Attribute):
        return None
    literal = callee.value
    known = _CONSTANTS.get(type(literal.value)) if isinstance(literal, ast.Constant) else _LITERALS.get(type(literal))
    return f"{known}.{callee.attr}" if known else None
