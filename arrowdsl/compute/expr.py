"""Expressions as data: a tree of columns, literals and calls that can be inspected, rewritten and compared.

Expressions are built with operators and methods. ``&``, ``|``, ``~``, ``<``, ``<=``, ``>`` and ``>=`` make a new
expression; ``==`` compares two trees instead, since plans and the expressions in them are compared and hashed. Equality
in a filter is written ``.eq(…)`` and ``.ne(…)``. A bare Python value is a literal.

``arrowdsl.compute.evaluate`` evaluates expressions, ``arrowdsl.compute.cql2`` reads and writes the wire's language.
Logic is SQL's: a comparison with null is null, and a filter keeps the rows for which it is true.

>>> where = (col("score") >= 0.5) & col("path").is_null() & ~col("kind").is_in(["class", "module"])
>>> sorted(columns(where)), describe(where)
(['kind', 'path', 'score'], "score >= 0.5 and isNull(path) and not(kind in ('class', 'module'))")
>>> col("score") == col("score"), col("score").eq(0.5)
(True, Call(function='=', arguments=(Column(name='score'), Literal(value=0.5, type=None))))
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from reprlib import Repr

import pyarrow as pa

from arrowdsl.errors import one_of

Scalar = bool | int | float | str | None


class Expr:
    """An expression over the columns of a table."""

    def __and__(self, other: "Expr") -> "Expr":
        return conjunction((*conjuncts(self), *conjuncts(other)))

    def __or__(self, other: "Expr") -> "Call":
        return Call("or", (*_terms("or", self), *_terms("or", other)))

    def __invert__(self) -> "Call":
        return Call("not", (self,))

    def __lt__(self, other: "Expr | Scalar") -> "Call":
        return call("<", self, other)

    def __le__(self, other: "Expr | Scalar") -> "Call":
        return call("<=", self, other)

    def __gt__(self, other: "Expr | Scalar") -> "Call":
        return call(">", self, other)

    def __ge__(self, other: "Expr | Scalar") -> "Call":
        return call(">=", self, other)

    def eq(self, other: "Expr | Scalar") -> "Call":
        """Equal; null if either side is null."""
        return call("=", self, other)

    def ne(self, other: "Expr | Scalar") -> "Call":
        """Not equal; null if either side is null."""
        return call("<>", self, other)

    def between(self, low: "Expr | Scalar", high: "Expr | Scalar") -> "Call":
        """At least ``low`` and at most ``high``."""
        return call("between", self, low, high)

    def is_in(self, values: "Iterable[bool | float | str] | Keys") -> "Call":
        """Equal to one of the constants."""
        return Call("in", (self, values if isinstance(values, Keys) else Values(tuple(values))))

    def like(self, pattern: str) -> "Call":
        """Matches SQL's pattern: ``%`` stands for any text, ``_`` for one character, a backslash escapes both."""
        return call("like", self, pattern)

    def is_null(self) -> "Call":
        """True if the value is null; never null itself."""
        return Call("isNull", (self,))

    def is_not_null(self) -> "Call":
        """True if the value is not null; never null itself."""
        return ~self.is_null()

    def as_text(self) -> "Call":
        """The value as a string."""
        return Call("text", (self,))


@dataclass(frozen=True)
class Column(Expr):
    """A column of the input, by name."""

    name: str


@dataclass(frozen=True)
class Literal(Expr):
    """A constant; ``type`` None means the type of the Python value. Unlike in Python, 1, 1.0 and true are not equal."""

    value: Scalar
    type: pa.DataType | None = None
    python_type: object = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "python_type", self.value.__class__)


@dataclass(frozen=True)
class Values(Expr):
    """The constant list at the right of an ``in``; unlike in Python, a list of booleans never equals one of numbers."""

    values: tuple[bool | int | float | str, ...]
    python_types: frozenset[object] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "python_types", frozenset(map(type, self.values)))


@dataclass(frozen=True, eq=False)
class Keys(Expr):
    """A long list at the right of an ``in``: distinct values of the column's type, none null. Equal only to itself."""

    values: pa.Array


@dataclass(frozen=True)
class Parameter(Expr):
    """A named constant that ``arrowdsl.plan.nodes.bind_parameters`` replaces by a value, for one part of a repo."""

    name: str


@dataclass(frozen=True)
class Call(Expr):
    """A function applied to expressions."""

    function: str
    arguments: tuple[Expr, ...]


col = Column
lit = Literal


def call(function: str, *arguments: Expr | Scalar) -> Call:
    """The function applied to expressions and constants."""
    return Call(function, tuple(each if isinstance(each, Expr) else Literal(each) for each in arguments))


def concat(*parts: Expr | Scalar) -> Call:
    """The strings one after another; null if one is null."""
    return call("concat", *parts)


def coalesce(*choices: Expr | Scalar) -> Call:
    """The first value that is not null."""
    return call("coalesce", *choices)


def if_else(condition: Expr, then: Expr | Scalar, otherwise: Expr | Scalar) -> Call:
    """``then`` if the condition is true, ``otherwise`` if it is false, null if it is null."""
    return call("if", condition, then, otherwise)


_SHORT = Repr()
_SHORT.maxstring = 120


def conjunction(terms: Sequence[Expr]) -> Expr:
    """The ``and`` of the terms; true when there are none."""
    if not terms:
        return Literal(value=True)
    return terms[0] if len(terms) == 1 else Call("and", tuple(terms))


def conjuncts(expr: Expr) -> tuple[Expr, ...]:
    """The terms of the expression's top-level ``and``; the expression itself if it is not an ``and``."""
    return _terms("and", expr)


def _terms(connective: str, expr: Expr) -> tuple[Expr, ...]:
    match expr:
        case Call(function, terms) if function == connective:
            return tuple(part for term in terms for part in _terms(connective, term))
        case _:
            return (expr,)


def columns(expr: Expr) -> frozenset[str]:
    """The names of the columns that the expression reads."""
    found: set[str] = set()
    rest = [expr]
    while rest:
        each = rest.pop()
        if isinstance(each, Column):
            found.add(each.name)
        elif isinstance(each, Call):
            rest += each.arguments
    return frozenset(found)


def substitute(expr: Expr, replacements: Mapping[Expr, Expr]) -> Expr:
    """The expression with the columns, parameters and literals in ``replacements`` replaced."""
    match expr:
        case Column() | Parameter() | Literal():
            return replacements.get(expr, expr)
        case Call(function, arguments):
            return Call(function, tuple(substitute(argument, replacements) for argument in arguments))
        case _:
            return expr


def describe(expr: Expr) -> str:
    """The expression as a person would write it."""
    match expr:
        case Column(name):
            return name
        case Literal(value):
            return _SHORT.repr(value)
        case Values(values):
            return f"({one_of(map(_SHORT.repr, values), limit=8)})"
        case Keys(keys):
            return f"({len(keys)} keys)"
        case Parameter(name):
            return f"${name}"
        case Call("not" | "isNull" | "concat" | "coalesce" | "text" | "if" as function, arguments):
            return f"{function}({', '.join(map(describe, arguments))})"
        case Call("between", (value, low, high)):
            return f"{describe(value)} between {describe(low)} and {describe(high)}"
        case Call(function, arguments):
            return f" {function} ".join(
                f"({describe(each)})" if isinstance(each, Call) and each.function in {"and", "or"} else describe(each)
                for each in arguments
            )
        case _:
            return repr(expr)
