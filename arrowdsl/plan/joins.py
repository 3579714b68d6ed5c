"""Joins over tables, datasets and plans.

Over plans a join is one more node, its rows in no promised order. Over tables and datasets it is run at once, and the
left rows keep their order and schema metadata. The engine can't carry lists, structs or maps through a join: select
them away, join the keys, and ``take``.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa

from arrowdsl.errors import SchemaMismatchError, UnknownColumnError, one_of
from arrowdsl.plan.nodes import Join, JoinKind, Plan, Scan
from arrowdsl.plan.runner import run_plan
from arrowdsl.plan.source import PlanCatalog, Source

_LEFT_ROW, _RIGHT_ROW = "__left_row", "__right_row"


@dataclass(frozen=True)
class JoinConfig:
    """The keys of a join and the columns that come out of each side.

    A right column whose name is also a left output gets ``output_suffix_for_right``.
    """

    left_keys: tuple[str, ...]
    right_keys: tuple[str, ...]
    left_output: tuple[str, ...]
    right_output: tuple[str, ...] = ()
    output_suffix_for_right: str = ""

    @classmethod
    def on_keys(
        cls,
        *,
        keys: Sequence[str],
        left_output: Sequence[str],
        right_output: Sequence[str] = (),
        output_suffix_for_right: str = "",
    ) -> "JoinConfig":
        """A join on keys that have the same names on both sides."""
        return cls(tuple(keys), tuple(keys), tuple(left_output), tuple(right_output), output_suffix_for_right)


def left_join(left: Plan | Source, right: Plan | Source, *, config: JoinConfig) -> Plan | pa.Table:
    """Every left row, with the right columns of each row of equal keys, or nulls when there is none."""
    return _join(left, right, "left outer", config)


def semi_join(left: Plan | Source, right: Plan | Source, *, config: JoinConfig) -> Plan | pa.Table:
    """The left rows whose keys occur on the right."""
    return _join(left, right, "left semi", replace(config, right_output=()))


def anti_join(left: Plan | Source, right: Plan | Source, *, config: JoinConfig) -> Plan | pa.Table:
    """The left rows whose keys do not occur on the right."""
    return _join(left, right, "left anti", replace(config, right_output=()))


def _join(left: Plan | Source, right: Plan | Source, kind: JoinKind, config: JoinConfig) -> Plan | pa.Table:
    node = Join(
        left if isinstance(left, Plan) else Scan("left", _distinct(config.left_keys, config.left_output)),
        right if isinstance(right, Plan) else Scan("right", _distinct(config.right_keys, config.right_output)),
        kind,
        config.left_keys,
        config.right_keys,
        config.left_output,
        config.right_output,
        config.output_suffix_for_right,
    )
    if isinstance(left, Plan) and isinstance(right, Plan):
        return node
    if isinstance(left, Plan) or isinstance(right, Plan):
        raise SchemaMismatchError("a join takes two plans, or two tables or datasets")
    return _run(node, left, right)


def _run(node: Join, left: Source, right: Source) -> pa.Table:
    """The join of two sources, in the order of the left one and with its metadata."""
    _check_joinable("left", left.schema, (*node.left_keys, *node.left_output))
    _check_joinable("right", right.schema, (*node.right_keys, *node.right_output))
    sides = PlanCatalog({"left": left, "right": right})
    numbered = PlanCatalog(
        {
            "left": _numbered(run_plan(node.left, sides), _LEFT_ROW),
            "right": _numbered(run_plan(node.right, sides), _RIGHT_ROW),
        }
    )
    rows = (_LEFT_ROW, _RIGHT_ROW) if node.kind == "left outer" else (_LEFT_ROW,)
    join = replace(
        node,
        left=Scan("left"),
        right=Scan("right"),
        left_output=(*node.left_output, _LEFT_ROW),
        right_output=(*node.right_output, *rows[1:]),
    )
    joined = run_plan(join.order_by(*rows), numbered).drop_columns(list(rows))
    fields = [left.schema.field(name) for name in node.left_output]
    return joined.cast(pa.schema([*fields, *list(joined.schema)[len(fields) :]], metadata=left.schema.metadata))


def _numbered(table: pa.Table, column: str) -> pa.Table:
    """The table with its row numbers; the engine wants one dictionary for all chunks of a column."""
    return table.unify_dictionaries().append_column(column, pa.array(np.arange(table.num_rows)))


def _check_joinable(side: str, schema: pa.Schema, names: Sequence[str]) -> None:
    missing = [name for name in names if name not in schema.names]
    if missing:
        raise UnknownColumnError(f"the {side} side has no {one_of(missing)}; columns: {one_of(schema.names)}")
    nested = [name for name in names if pa.types.is_nested(schema.field(name).type)]
    if nested:
        raise SchemaMismatchError(f"lists, structs and maps can't go through a join: {one_of(nested)} on the {side}")


def _distinct(*names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for group in names for name in group))
