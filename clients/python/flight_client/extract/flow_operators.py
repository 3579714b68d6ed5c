"""The special methods that operators look up, by the operator's syntax node."""

import ast
from collections.abc import Mapping
from types import MappingProxyType

OPERATORS: Mapping[type[ast.operator], str] = MappingProxyType(
    {
        ast.Add: "add",
        ast.Sub: "sub",
        ast.Mult: "mul",
        ast.MatMult: "matmul",
        ast.Div: "truediv",
        ast.FloorDiv: "floordiv",
        ast.Mod: "mod",
        ast.Pow: "pow",
        ast.LShift: "lshift",
        ast.RShift: "rshift",
        ast.BitOr: "or",
        ast.BitXor: "xor",
        ast.BitAnd: "and",
    }
)
UNARY: Mapping[type[ast.unaryop], str] = MappingProxyType(
    {ast.USub: "__neg__", ast.UAdd: "__pos__", ast.Invert: "__invert__"}
)
# Of the left operand, and of the right one where the left is a plain constant.
COMPARISONS: Mapping[type[ast.cmpop], tuple[str, str]] = MappingProxyType(
    {
        ast.Eq: ("__eq__", "__eq__"),
        ast.NotEq: ("__ne__", "__ne__"),
        ast.Lt: ("__lt__", "__gt__"),
        ast.LtE: ("__le__", "__ge__"),
        ast.Gt: ("__gt__", "__lt__"),
        ast.GtE: ("__ge__", "__le__"),
    }
)
MEMBERSHIP = (ast.In, ast.NotIn)
