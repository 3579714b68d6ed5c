"""Left joins of tables, datasets and plans.

Over plans, a join is one more node, and the order of its rows is undefined. Over tables and datasets, it runs at once,
and keeps the order and schema metadata of the left side. Acero can't carry lists, structs or maps through a join: leave
them out, join the keys, and ``take`` the nested columns afterwards.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa

from arrowdsl.errors import SchemaMismatchError, UnknownColumnError, one_of
from arrowdsl.plan.nodes import Join, Plan, Scan
from arrowdsl.plan.runner import run_plan
from arrowdsl.plan.source import PlanCatalog, Source

_LEFT_ROW, _RIGHT_ROW = "__left_row", "__right_row"


@dataclass(frozen=True)
class JoinConfig:
    """The keys of a join and the output columns of each side.

    ``keys`` are keys with the same names on both sides. The default output is all columns of the left side, and those
    of the right side that are not keys; a join of plans must name both. A right column with the name of a left output
    gets ``output_suffix_for_right``.
    """

    left_keys: tuple[str, ...] = ()
    right_keys: tuple[str, ...] = ()
    left_output: tuple[str, ...] | None = None
    right_output: tuple[str, ...] | None = None
    output_suffix_for_right: str = ""
    keys: tuple[str, ...] = ()

    @classmethod
    def on_keys(
        cls,
        *,
        keys: Sequence[str],
        left_output: Sequence[str],
        right_output: Sequence[str] = (),
        output_suffix_for_right: str = "",
    ) -> "JoinConfig":
        """A join on keys with the same names on both sides, and its output columns."""
        names = tuple(keys)
        return cls(names, names, tuple(left_output), tuple(right_output), output_suffix_for_right)

    def node(self, left: Plan, right: Plan) -> Join:
        """The join of two plans."""
        if self.left_output is None or self.right_output is None:
            raise SchemaMismatchError("a join of plans has to name left_output and right_output")
        left_keys, right_keys = (self.keys, self.keys) if self.keys else (self.left_keys, self.right_keys)
        names = (left_keys, right_keys, self.left_output, self.right_output)
        return Join(left, right, "left outer", *names, self.output_suffix_for_right)


def left_join(left: Plan | Source, right: Plan | Source, config: JoinConfig) -> Plan | pa.Table:
    """Every left row with the right columns of each matching row, or with nulls if no row matches."""
    if isinstance(left, Plan) and isinstance(right, Plan):
        return config.node(left, right)
    if isinstance(left, Plan) or isinstance(right, Plan):
        raise SchemaMismatchError("a join takes two plans, or two tables or datasets")
    left_output, right_output = config.left_output, config.right_output
    keys = config.keys or config.right_keys
    config = replace(
        config,
        left_output=tuple(left.schema.names) if left_output is None else left_output,
        right_output=tuple(n for n in right.schema.names if n not in keys) if right_output is None else right_output,
    )
    return _run(config.node(Scan("left"), Scan("right")), left, right)


def _run(join: Join, left: Source, right: Source) -> pa.Table:
    """The join of two sources, in the order of the left source and with its metadata."""
    numbered = PlanCatalog(
        {
            "left": _numbered(left, "left", (*join.left_keys, *join.left_output), _LEFT_ROW),
            "right": _numbered(right, "right", (*join.right_keys, *join.right_output), _RIGHT_ROW),
        }
    )
    rows = (_LEFT_ROW, _RIGHT_ROW)
    wide = replace(join, left_output=(*join.left_output, _LEFT_ROW), right_output=(*join.right_output, _RIGHT_ROW))
    joined = run_plan(wide.order_by(*rows), numbered).drop_columns(list(rows))
    fields = [left.schema.field(name) for name in join.left_output]
    return joined.cast(pa.schema([*fields, *list(joined.schema)[len(fields) :]], metadata=left.schema.metadata))


def _numbered(source: Source, side: str, names: Sequence[str], number: str) -> pa.Table:
    """The named columns of one side and its row numbers."""
    missing = [name for name in names if name not in source.schema.names]
    if missing:
        raise UnknownColumnError(f"the {side} side has no {one_of(missing)}; columns: {one_of(source.schema.names)}")
    nested = [name for name in names if pa.types.is_nested(source.schema.field(name).type)]
    if nested:
        raise SchemaMismatchError(f"lists, structs and maps can't go through a join: {one_of(nested)} on the {side}")
    table = run_plan(Scan("t", tuple(dict.fromkeys(names))), PlanCatalog({"t": source}))
    return table.append_column(number, pa.array(np.arange(table.num_rows)))
