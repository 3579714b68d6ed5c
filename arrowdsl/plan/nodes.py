"""Plan nodes: what rows are wanted, as frozen data that names its tables and holds none.

A catalog says what the names mean when the plan is compiled, so one plan runs over a part of a repo, over empty
tables (that is how its schema is known), or on another machine. Nodes are chained by the methods of ``Plan``:

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
    """How much of a repo a plan needs to see at once.

    A plan of ``FIXPOINT`` scope is computed once from a whole repo's facts and kept; its rows belong to parts again, so
    a part's plan that refers to it is given the rows of that part.
    """

    PART = "part"
    REPO = "repo"
    FIXPOINT = "fixpoint"


@plan_node
class Plan:
    """A node and, below it, its inputs."""

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
        """The distinct combinations of the columns, in no promised order."""
        return Aggregate(self, columns)

    def order_by(self, *keys: str | SortKey) -> "Sort":
        """The rows sorted stably; a bare name is ascending."""
        return Sort(self, tuple((key, "ascending") if isinstance(key, str) else key for key in keys))


@plan_node
class Scan(Plan):
    """A table of the catalog. The optimizer fills in the columns that are needed and the rows that can be skipped."""

    table: str
    columns: tuple[str, ...] | None = None
    predicate: Expr | None = None


@plan_node
class Ref(Plan):
    """Another output of the pipeline, evaluated by itself: over this part, or over the whole repo.

    Inlined into a plan that runs part by part, a repo-wide plan would see one part only. The optimizer sets columns.
    """

    output: str
    scope: Scope
    columns: tuple[str, ...] | None = None


@plan_node
class Empty(Plan):
    """No rows of a schema: what is left of a plan whose filter can't be true."""

    schema: pa.Schema


@plan_node
class Filter(Plan):
    """The rows for which ``predicate`` is true."""

    input: Plan
    predicate: Expr


@plan_node
class Project(Plan):
    """Columns computed from columns, in this order."""

    input: Plan
    columns: tuple[tuple[str, Expr], ...]


@plan_node
class Join(Plan):
    """An equi-join; rows come in no promised order. A right column whose name the left has too gets the suffix."""

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


@plan_node
class Aggregate(Plan):
    """A row for each distinct combination of keys, with ``measures`` = (column, function, output name)."""

    input: Plan
    keys: tuple[str, ...]
    measures: tuple[tuple[str, str, str], ...] = ()


@plan_node
class Sort(Plan):
    """The rows in order of ``keys``; equal rows keep their order."""

    input: Plan
    keys: tuple[SortKey, ...]


@plan_node
class Explode(Plan):
    """A row for each element of a list column, replaced by ``outputs`` = (name, struct field or None)."""

    input: Plan
    column: str
    outputs: tuple[tuple[str, str | None], ...]


@dataclass(frozen=True)
class KernelFunction:
    """A vectorised function from tables to a table, and what the planner must know of it.

    It is called with the input and the kernel's sides, once for all rows or, with ``group_by``, for some rows after
    others: never for a part only of a run of equal ``group_by`` values, which must lie together. ``needs`` are the
    input columns that it reads, whichever are asked of it, ``side_needs`` those of each side. A filter on a column of
    ``passes`` gives the same rows before the kernel as behind it. ``replaces_columns`` says that the output has none of
    the input's columns, ``of_nothing_nothing`` that no rows come of no rows. ``row_bytes`` is about how much memory it
    takes at its peak for each row that it is given, where that is worth a question before it starts.
    ``version`` changes when the result does.
    """

    name: str
    version: int
    apply: Callable[..., pa.Table] = field(compare=False)
    needs: tuple[str, ...]
    passes: frozenset[str] = frozenset()
    group_by: str | None = None
    replaces_columns: bool = False
    side_needs: tuple[tuple[str, ...], ...] = ()
    of_nothing_nothing: bool = True
    row_bytes: int = 0


@plan_node
class Kernel(Plan):
    """A kernel over its input: an explicit materialization boundary. It is handed ``sides`` whole, beside the input."""

    input: Plan
    function: KernelFunction
    sides: tuple[Plan, ...] = ()


@plan_node
class Shared(Plan):
    """Rows that several parts of the plan read: they are computed once. The optimizer puts these nodes in."""

    input: Plan


def inputs(plan: Plan) -> tuple[Plan, ...]:
    """The plans that a node reads."""
    match plan:
        case Join(left, right):
            return (left, right)
        case Union(branches):
            return branches
        case Kernel(child, sides=sides):
            return (child, *sides)
        case Filter() | Project() | Aggregate() | Sort() | Explode() | Shared():
            return (plan.input,)
        case _:
            return ()


def with_inputs(plan: Plan, new: Sequence[Plan]) -> Plan:
    """The node over other inputs, as many as it has."""
    match plan:
        case Join():
            return replace(plan, left=new[0], right=new[1])
        case Union():
            return replace(plan, branches=tuple(new))
        case Kernel():
            return replace(plan, input=new[0], sides=tuple(new[1:]))
        case Filter() | Project() | Aggregate() | Sort() | Explode() | Shared():
            return replace(plan, input=new[0])
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
        case Filter(child) | Project(child) | Explode(child):
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
        case _:
            return None


def bind_parameters(plan: Plan, values: Mapping[Expr, Expr]) -> Plan:
    """The plan with its parameters replaced by the values."""
    bound = with_inputs(plan, [bind_parameters(child, values) for child in inputs(plan)])
    match bound:
        case Filter(_, predicate) | Scan(predicate=predicate) if predicate is not None:
            return replace(bound, predicate=expressions.substitute(predicate, values))
        case Project():
            columns = tuple((name, expressions.substitute(expr, values)) for name, expr in bound.columns)
            return replace(bound, columns=columns)
        case _:
            return bound


def describe(plan: Plan, depth: int = 0) -> str:
    """The plan as indented text, a line for each node."""
    lines = ["  " * depth + _headline(plan), *(describe(child, depth + 1) for child in inputs(plan))]
    return "\n".join(lines)


def _headline(plan: Plan) -> str:
    match plan:
        case Scan(table, columns, predicate):
            narrowed = "" if columns is None else f" [{', '.join(columns)}]"
            skipping = "" if predicate is None else f" where {expressions.describe(predicate)}"
            return f"scan {table}{narrowed}{skipping}"
        case Ref(output, scope, columns):
            narrowed = "" if columns is None else f" [{', '.join(columns)}]"
            return f"output {output}{narrowed}, evaluated by {scope}"
        case Empty():
            return "nothing"
        case Shared():
            return "shared"
        case Filter(_, predicate):
            return f"filter {expressions.describe(predicate)}"
        case Project(_, columns):
            shown = (n if e == Column(n) else f"{n} = {expressions.describe(e)}" for n, e in columns)
            return f"project {', '.join(shown)}"
        case Join():
            keys = zip(plan.left_keys, plan.right_keys, strict=True)
            return f"{plan.kind} join on {', '.join(f'{left} = {right}' for left, right in keys)}"
        case Union():
            return "union"
        case Aggregate(_, keys, measures):
            shown = (f"{name} = {function}({column})" for column, function, name in measures)
            return f"aggregate {', '.join((*keys, *shown))}"
        case Sort(_, keys):
            return f"sort {', '.join(name if way == 'ascending' else f'{name} descending' for name, way in keys)}"
        case Explode(_, column, outputs):
            return f"explode {column} into {', '.join(name for name, _ in outputs)}"
        case Kernel(_, function):
            grain = f" by {function.group_by}" if function.group_by else ""
            return f"kernel {function.name} v{function.version}{grain}"
        case _:
            return type(plan).__name__
