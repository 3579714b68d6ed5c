"""Enforcement of contracts: the rows of a plan that satisfy their contract, and a report of those that violate it.

A contract requires values in required columns, values of the vocabulary in dictionary columns, and a unique key.
``finalize`` leaves out the rows that violate the contract, and ``violations`` reports them.
"""

from collections.abc import Callable, Iterator
from functools import partial

import pyarrow as pa
import pyarrow.compute as pc

from arrowdsl.compute.expr import Literal
from arrowdsl.compute.kernels import first_of_each
from arrowdsl.plan.nodes import Kernel, KernelFunction, Plan, Project
from arrowdsl.schema.schema import TableSpec, empty_table

VERSION = 2
VIOLATIONS = pa.schema(
    [
        ("row_key", pa.string()),
        ("column", pa.string()),
        ("check", pa.string()),
        ("detail", pa.string()),
        ("rows", pa.int64()),
    ]
)


# a function that returns a mask of the rows that pass (None: all), then the column, check and detail to report
Check = tuple[Callable[[pa.Table], pa.ChunkedArray | None], str, str, str]


def finalize(plan: Plan, spec: TableSpec, *, group_by: str | None = None) -> Plan:
    """The rows of ``plan`` that satisfy the contract, in their order, with all their columns.

    Of rows with equal keys, the first by the contract's tie-breakers stays. ``group_by`` names a column that is
    determined by the key and whose equal values are adjacent: rows are then checked group by group instead of all at
    once.
    """
    passes = frozenset((*spec.key, *([group_by] if group_by else []), *_constants(plan)))
    return _kernel(f"finalize {spec.name}", _satisfying, plan, spec, group_by, passes)


def violations(plan: Plan, spec: TableSpec, *, group_by: str | None = None) -> Plan:
    """The rows that ``finalize`` leaves out, counted by key: row_key, column, check, detail, rows.

    ``check`` is required_non_null, type or key.
    """
    return _kernel(f"violations of {spec.name}", partial(_violating, spec=spec), plan, spec, group_by, None)


def _kernel(
    name: str,
    apply: Callable[..., pa.Table],
    plan: Plan,
    spec: TableSpec,
    group_by: str | None,
    passes: frozenset[str] | None,
) -> Kernel:
    """A kernel over the plan; ``passes`` is None for one that replaces the plan's columns."""
    grouped = (group_by,) if group_by else ()
    key = tuple(dict.fromkeys((*spec.key, *(grouped if spec.key else ()))))
    encoded = _encoded(plan, spec)
    breakers = (name for name, _ in spec.tie_breakers)
    function = KernelFunction(
        name=name,
        version=VERSION,
        apply=partial(apply, checks=tuple(_checks(spec, key, encoded))),
        needs=tuple(dict.fromkeys((*spec.required, *spec.key, *breakers, *grouped, *encoded))),
        passes=passes or frozenset(),
        group_by=group_by,
        replaces_columns=passes is None,
    )
    return Kernel(plan, function)


def _constants(plan: Plan) -> dict[str, Literal]:
    """The columns that the plan sets to a constant: a filter on such a column keeps all rows or none."""
    columns = plan.columns if isinstance(plan, Project) else ()
    return {name: expr for name, expr in columns if isinstance(expr, Literal)}


def _encoded(plan: Plan, spec: TableSpec) -> tuple[str, ...]:
    """The dictionary columns to be checked: all but those that the plan sets to a value of the vocabulary."""
    fixed = {name: literal.value for name, literal in _constants(plan).items()}
    return tuple(
        name
        for name, vocabulary in spec.vocabularies.items()
        if name not in fixed or fixed[name] not in (None, *vocabulary)
    )


def _checks(spec: TableSpec, key: tuple[str, ...], encoded: tuple[str, ...]) -> Iterator[Check]:
    for name in spec.required:
        yield partial(_valid, name=name), name, "required_non_null", "the value is null"
    for name in encoded:
        in_vocabulary = partial(_in_vocabulary, name=name, vocabulary=pa.array(spec.vocabularies[name], pa.string()))
        yield in_vocabulary, name, "type", "the value is not in the vocabulary"
    if key:
        first = partial(first_of_each, key=key, tie_breakers=spec.tie_breakers)
        yield first, ", ".join(spec.key), "key", "the key occurs more than once; one row stays"


def _valid(table: pa.Table, name: str) -> pa.ChunkedArray | None:
    column = table.column(name)
    return pc.is_valid(column) if column.null_count else None


def _in_vocabulary(table: pa.Table, name: str, vocabulary: pa.Array) -> pa.ChunkedArray | None:
    column = table.column(name)
    passing = pc.or_(pc.is_null(column), pc.is_in(column, vocabulary))
    return None if pc.all(passing).as_py() else passing


def _satisfying(table: pa.Table, checks: tuple[Check, ...]) -> pa.Table:
    for passing, *_ in checks:
        rows = passing(table)
        table = table if rows is None else table.filter(rows)
    return table


def _violating(table: pa.Table, spec: TableSpec, checks: tuple[Check, ...]) -> pa.Table:
    """Each row that is left out is reported once, under the first check that it fails."""
    reports = [empty_table(VIOLATIONS)]
    for passing, *about in checks:
        rows = passing(table)
        if rows is not None:
            reports.append(_report(table.filter(pc.invert(rows)), spec, *about))
            table = table.filter(rows)
    return pa.concat_tables(reports)


def _report(rows: pa.Table, spec: TableSpec, column: str, check: str, detail: str) -> pa.Table:
    """A row for each distinct key, with its number of rows."""
    parts = [pc.fill_null(rows.column(name).cast(pa.string()), "null") for name in spec.key or spec.required]
    keys = pa.table({"row_key": pc.binary_join_element_wise(*parts, ", ")})
    counted = keys.group_by("row_key", use_threads=False).aggregate([([], "count_all")])
    constants = [pa.repeat(pa.scalar(text), counted.num_rows) for text in (column, check, detail)]
    return pa.Table.from_arrays([counted.column("row_key"), *constants, counted.column("count_all")], schema=VIOLATIONS)
