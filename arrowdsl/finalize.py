"""Contracts held: of a plan's rows those that hold their contract, and an account of those that do not.

A contract asks for values in its required columns, for values of their vocabularies in encoded ones, and for a unique
key. ``finalize`` keeps what holds, ``violations``
reports the rest, so that no row goes silently.
"""

from collections.abc import Iterator
from functools import partial

import pyarrow as pa
import pyarrow.compute as pc

from arrowdsl.compute.expr import Literal
from arrowdsl.compute.kernels import first_of_each
from arrowdsl.plan.nodes import Kernel, KernelFunction, Plan, Project
from arrowdsl.schema.schema import TableSpec, Vocabulary, empty_table

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


def finalize(plan: Plan, spec: TableSpec, *, group_by: str | None = None) -> Plan:
    """The rows of ``plan`` that hold the contract, in their order; columns that the contract lacks stay.

    Of rows of equal key the first by the contract's tie-breakers stays. ``group_by`` names a column whose equal values
    lie together and which the key determines: rows are then held a run at a time instead of all at once, and the key
    is unique within each run.
    """
    return Kernel(
        plan,
        KernelFunction(
            name=f"finalize {spec.name}",
            version=VERSION,
            apply=partial(_holding, spec=spec, key=_unique(spec, group_by), encoded=_encoded(plan, spec)),
            needs=_columns_checked(plan, spec, group_by),
            passes=frozenset((*spec.key, *([group_by] if group_by else []), *_constants(plan))),
            group_by=group_by,
        ),
    )


def violations(plan: Plan, spec: TableSpec, *, group_by: str | None = None) -> Plan:
    """What ``finalize`` leaves out: row_key, column, check (required_non_null, type or key), detail, rows (a count)."""
    return Kernel(
        plan,
        KernelFunction(
            name=f"violations of {spec.name}",
            version=VERSION,
            apply=partial(_breaking, spec=spec, key=_unique(spec, group_by), encoded=_encoded(plan, spec)),
            needs=_columns_checked(plan, spec, group_by),
            group_by=group_by,
            replaces_columns=True,
        ),
    )


def _unique(spec: TableSpec, group_by: str | None) -> tuple[str, ...]:
    """The columns that are unique together: how the rows are cut into tables must make no difference."""
    return tuple(dict.fromkeys((*spec.key, *((group_by,) if group_by and spec.key else ()))))


def _columns_checked(plan: Plan, spec: TableSpec, group_by: str | None) -> tuple[str, ...]:
    names = (*spec.required, *spec.key, *(name for name, _ in spec.tie_breakers), *((group_by,) if group_by else ()))
    return tuple(dict.fromkeys((*names, *_encoded(plan, spec))))


def _constants(plan: Plan) -> dict[str, Literal]:
    """The columns that the plan sets to one value: a filter on them leaves all rows or none."""
    columns = plan.columns if isinstance(plan, Project) else ()
    return {name: expr for name, expr in columns if isinstance(expr, Literal)}


def _encoded(plan: Plan, spec: TableSpec) -> tuple[str, ...]:
    """The encoded columns whose values are only known when the plan runs: what it sets itself is known to fit."""
    fixed = {name for name, set_to in _constants(plan).items() if _fits(set_to, spec.vocabularies.get(name, ()))}
    return tuple(name for name in spec.vocabularies if name not in fixed)


def _fits(constant: Literal, vocabulary: Vocabulary) -> bool:
    return constant.value is None or constant.value in vocabulary


def _outside(table: pa.Table, spec: TableSpec, name: str) -> pa.ChunkedArray:
    """A mask of the rows whose value is none of the column's vocabulary."""
    column = table.column(name)
    return pc.and_(pc.is_valid(column), pc.invert(pc.is_in(column, pa.array(spec.vocabularies[name], pa.string()))))


def _holding(table: pa.Table, spec: TableSpec, key: tuple[str, ...], encoded: tuple[str, ...]) -> pa.Table:
    for name in spec.required:
        if table.column(name).null_count:
            table = table.filter(pc.is_valid(table.column(name)))
    for name in encoded:
        outside = _outside(table, spec, name)
        if pc.any(outside).as_py():
            table = table.filter(pc.invert(outside))
    kept = first_of_each(table, key, spec.tie_breakers) if key else None
    return table if kept is None else table.filter(kept)


def _breaking(table: pa.Table, spec: TableSpec, key: tuple[str, ...], encoded: tuple[str, ...]) -> pa.Table:
    return pa.concat_tables([empty_table(VIOLATIONS), *_reports(table, spec, key, encoded)])


def _reports(table: pa.Table, spec: TableSpec, key: tuple[str, ...], encoded: tuple[str, ...]) -> Iterator[pa.Table]:
    """Each row that does not stay is reported once, under the first check that it breaks."""
    complete = table
    for name in spec.required:
        missing = pc.is_null(complete.column(name))
        if pc.any(missing).as_py():
            yield _report(complete.filter(missing), spec, name, "required_non_null", "the value is null")
            complete = complete.filter(pc.invert(missing))
    for name in encoded:
        outside = _outside(complete, spec, name)
        if pc.any(outside).as_py():
            yield _report(complete.filter(outside), spec, name, "type", "the value is not in the vocabulary")
            complete = complete.filter(pc.invert(outside))
    kept = first_of_each(complete, key, spec.tie_breakers) if key else None
    if kept is not None:
        extra = complete.filter(pc.invert(kept))
        yield _report(extra, spec, ", ".join(spec.key), "key", "the key occurs more than once; one row stays")


def _report(rows: pa.Table, spec: TableSpec, column: str, check: str, detail: str) -> pa.Table:
    """A row for each key among the rows, with the number of rows that have it."""
    parts = [pc.fill_null(rows.column(name).cast(pa.string()), "null") for name in spec.key or spec.required]
    keys = pa.table({"row_key": pc.binary_join_element_wise(*parts, ", ")})
    counted = keys.group_by("row_key", use_threads=False).aggregate([([], "count_all")])
    constants = [pa.repeat(pa.scalar(text), counted.num_rows) for text in (column, check, detail)]
    return pa.Table.from_arrays([counted.column("row_key"), *constants, counted.column("count_all")], schema=VIOLATIONS)
