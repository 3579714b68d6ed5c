"""Plan nodes: a query as frozen data, with names in place of tables.

A catalog resolves the names when the plan runs, so the same plan runs over any part of a repo, on any machine. Nodes
are chained by the methods of ``Plan``:

>>> from arrowdsl.compute.expr import col
>>> plan = Scan("orders").where(col("price") > 5).select("id", total=col("price"))
>>> print(describe(plan))
project id, total = price
  filter price > 5
    scan orders
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Literal

import pyarrow as pa

from arrowdsl.compute import expr as expressions
from arrowdsl.compute.expr import Column, Expr
from arrowdsl.plan.hashing import plan_node
from arrowdsl.schema.schema import SortKey

JoinKind = Literal["left outer", "inner", "left semi", "left anti"]


class Scope(StrEnum):
    """How much of a repo a plan reads at once: one part, or all of it.

    A plan of ``FIXPOINT`` scope runs once over the whole repo; a part's plan that refers to it gets the part's rows.
    """

    PART = "part"
    REPO = "repo"
    FIXPOINT = "fixpoint"


@plan_node
class Plan:
    """A node of a plan, with all nodes below it."""

    def where(self, predicate: Expr) -> "Filter":
        """The rows for which the predicate is true."""
        return Filter(self, predicate)

    def select(self, *names: str, **computed: Expr) -> "Project":
        """The named columns, then the computed ones."""
        return Project(self, (*((name, Column(name)) for name in names), *computed.items()))

    def explode(self, column: str, **outputs: str | None) -> "Explode":
        """A row for each element of a list column; ``outputs`` names its struct fields (None: the element)."""
        return Explode(self, column, tuple(outputs.items()))

    def distinct(self, *columns: str) -> "Aggregate":
        """The distinct combinations of the columns, in undefined order."""
        return Aggregate(self, columns)

    def order_by(self, *keys: str | SortKey) -> "Sort":
        """The rows sorted stably; a bare name is ascending."""
        return Sort(self, tuple((key, "ascending") if isinstance(key, str) else key for key in keys))


@plan_node
class Scan(Plan):
    """A table of the catalog: its columns (None: all), and the rows for which ``predicate`` is true (None: all)."""

    table: str
    columns: tuple[str, ...] | None = None
    predicate: Expr | None = None


@plan_node
class Ref(Plan):
    """Another output, evaluated in its own scope. If it were inlined, it would see the rows of one part only."""

    output: str
    scope: Scope
    columns: tuple[str, ...] | None = None


@plan_node
class Empty(Plan):
    """No rows; the optimizer puts it in place of a plan whose filter can't be true."""

    schema: pa.Schema


@plan_node
class Unary(Plan):
    """A node over one input."""

    input: Plan


@plan_node
class Filter(Unary):
    """The rows for which ``predicate`` is true."""

    predicate: Expr


@plan_node
class Project(Unary):
    """Columns computed from columns, in this order."""

    columns: tuple[tuple[str, Expr], ...]


@plan_node
class Aggregate(Unary):
    """A row for each distinct combination of keys, with ``measures`` = (column, function, output name)."""

    keys: tuple[str, ...]
    measures: tuple[tuple[str, str, str], ...] = ()


@plan_node
class Sort(Unary):
    """The rows in order of ``keys``; equal rows keep their order."""

    keys: tuple[SortKey, ...]


@plan_node
class Explode(Unary):
    """A row for each element of a list column, replaced by ``outputs`` = (name, struct field or None)."""

    column: str
    outputs: tuple[tuple[str, str | None], ...]


@plan_node
class Shared(Unary):
    """A common subexpression: several nodes read its rows, which are computed once. The optimizer adds this node."""


@plan_node
class Join(Plan):
    """An equi-join; the order of rows is undefined. A right column with the name of a left column gets the suffix."""

    left: Plan
    right: Plan
    kind: JoinKind
    left_keys: tuple[str, ...]
    right_keys: tuple[str, ...]
    left_output: tuple[str, ...]
    right_output: tuple[str, ...] = ()
    right_suffix: str = ""


@plan_node
class Union(Plan):
    """The rows of the inputs one after another; all have one schema."""

    branches: tuple[Plan, ...]


@dataclass(frozen=True)
class KernelFunction:
    """A vectorised function from tables to a table, with the properties that the planner needs.

    ``apply`` is called with the input and the kernel's sides: once with all rows; or, with ``group_by``, with some
    whole groups at a time (rows with equal ``group_by`` values must be adjacent); or, with ``row_by_row``, with one
    batch at a time, if each output row is made from one input row, in order. An empty input gives an empty output.

    ``needs`` are the input columns that ``apply`` reads, ``side_needs`` those of each side. A filter on a column of
    ``passes`` gives the same rows before and after the kernel. ``replaces_columns``: the output has none of the input's
    columns. ``adds``: the output has the input's rows and columns, and these columns; where none of these is needed,
    the optimizer removes the kernel. ``row_bytes`` estimates the peak memory for each input row; with 0, memory is not
    checked before the kernel starts. ``version`` must change when the result does.
    """

    name: str
    version: int
    apply: Callable[..., pa.Table] = field(compare=False)
    needs: tuple[str, ...]
    passes: frozenset[str] = frozenset()
    group_by: str | None = None
    replaces_columns: bool = False
    adds: frozenset[str] = frozenset()
    side_needs: tuple[tuple[str, ...], ...] = ()
    row_bytes: int = 0
    row_by_row: bool = False


@plan_node
class Kernel(Unary):
    """A kernel over its input and over ``sides``, which are always collected into whole tables."""

    function: KernelFunction
    sides: tuple[Plan, ...] = ()


def inputs(plan: Plan) -> tuple[Plan, ...]:
    """The plans that a node reads."""
    match plan:
        case Kernel(child, sides=sides):
            return (child, *sides)
        case Unary(child):
            return (child,)
        case Join(left, right):
            return (left, right)
        case Union(branches):
            return branches
        case _:
            return ()


def with_inputs(plan: Plan, new: Sequence[Plan]) -> Plan:
    """The node over other inputs, as many as it has."""
    match plan:
        case Kernel():
            return replace(plan, input=new[0], sides=tuple(new[1:]))
        case Unary():
            return replace(plan, input=new[0])
        case Join():
            return replace(plan, left=new[0], right=new[1])
        case Union():
            return replace(plan, branches=tuple(new))
        case _:
            return plan


def walk(plan: Plan) -> Iterator[Plan]:
    """The node and everything below it, preorder."""
    yield plan
    for child in inputs(plan):
        yield from walk(child)


def in_scan_order(plan: Plan) -> bool:
    """Whether the rows come in the order of the one table that they are computed from."""
    match plan:
        case Filter(child) | Project(child) | Explode(child) | Kernel(child, KernelFunction(row_by_row=True)):
            return in_scan_order(child)
        case _:
            return isinstance(plan, Scan)


def sorted_by(plan: Plan) -> str | None:
    """The column that the rows are sorted by first, if the plan says so."""
    match plan:
        case Sort(_, keys):
            return keys[0][0]
        case Filter(child):
            return sorted_by(child)
        case Project(child, columns):
            below = sorted_by(child)
            return next((name for name, expr in columns if below is not None and expr == Column(below)), None)
    return None


def bind_parameters(plan: Plan, values: Mapping[Expr, Expr]) -> Plan:
    """The plan with its parameters replaced by the values."""
    bound = with_inputs(plan, [bind_parameters(child, values) for child in inputs(plan)])
    match bound:
        case Filter(_, predicate) | Scan(predicate=predicate) if predicate is not None:
            return replace(bound, predicate=expressions.substitute(predicate, values))
        case Project(_, columns):
            return replace(bound, columns=tuple((name, expressions.substitute(e, values)) for name, e in columns))
    return bound


def describe(plan: Plan, depth: int = 0) -> str:
    """The plan as indented text, a line for each node."""
    lines = ["  " * depth + _headline(plan), *(describe(child, depth + 1) for child in inputs(plan))]
    return "\n".join(lines)


def _headline(plan: Plan) -> str:
    match plan:
        case Scan(columns=columns) | Ref(columns=columns):
            listed = "" if columns is None else f" [{', '.join(columns)}]"
            if isinstance(plan, Ref):
                return f"output {plan.output}{listed}, evaluated by {plan.scope}"
            where = "" if plan.predicate is None else f" where {expressions.describe(plan.predicate)}"
            return f"scan {plan.table}{listed}{where}"
        case Empty():
            return "nothing"
        case Filter(_, predicate):
            return f"filter {expressions.describe(predicate)}"
        case Project(_, columns):
            shown = (n if e == Column(n) else f"{n} = {expressions.describe(e)}" for n, e in columns)
            return f"project {', '.join(shown)}"
        case Join(_, _, kind, left_keys, right_keys):
            pairs = zip(left_keys, right_keys, strict=True)
            return f"{kind} join on {', '.join(f'{left} = {right}' for left, right in pairs)}"
        case Aggregate(_, keys, measures):
            shown = (f"{name} = {function}({column})" for column, function, name in measures)
            return f"aggregate {', '.join((*keys, *shown))}"
        case Sort(_, keys):
            return f"sort {', '.join(name if way == 'ascending' else f'{name} {way}' for name, way in keys)}"
        case Explode(_, column, outputs):
            return f"explode {column} into {', '.join(name for name, _ in outputs)}"
        case Kernel(_, function):
            grain = f" by {function.group_by}" if function.group_by else ""
            return f"kernel {function.name} v{function.version}{grain}"
    return type(plan).__name__.lower()
