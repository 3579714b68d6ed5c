"""Ids that hang below another id by an ordinal: written as templates over a table's columns, filled in by Arrow."""

from collections.abc import Mapping
from string import Formatter
from types import MappingProxyType

import pyarrow as pa
import pyarrow.compute as pc

TEMPLATES: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        "cst_params": {"place": "{argument}", "default_place": "x:{def_id}:v{default_pos}"},
        "cst_decorators": {"site_id": "site:{def_id}:d{pos}"},
        "cst_bases": {"place": "x:{def_id}:b{pos}"},
        "var_events": {"event_id": "{point_id}/event:{ordinal}"},
        "ts_nodes": {"ts_node_id": "ts:{file_id}:{ts_idx}", "parent_ts_id": "ts:{file_id}:{parent_idx}"},
        "ts_errors": {"ts_error_id": "ts_error:{file_id}:{ts_idx}", "ts_node_id": "ts:{file_id}:{ts_idx}"},
        "ts_missing": {"ts_missing_id": "ts_missing:{file_id}:{ts_idx}", "ts_node_id": "ts:{file_id}:{ts_idx}"},
        "bc_instructions": {
            "instr_id": "{code_unit_id}/instr:{instr_index}",
            "block_id": "{code_unit_id}/block:{block}",
        },
        "bc_exception_table": {"exc_entry_id": "{code_unit_id}/exc:{exc_index}"},
        "bc_blocks": {"block_id": "{code_unit_id}/block:{block}"},
        "bc_cfg_edges": {
            "src_block_id": "{code_unit_id}/block:{src}",
            "dst_block_id": "{code_unit_id}/block:{dst}",
            "cond_instr_id": "{code_unit_id}/instr:{condition}",
            "edge_id": "BC_CFG_{kind!u}:{src_block_id}>{dst_block_id}",
        },
    }
)


def fill(template: str, arrays: Mapping[str, pa.Array]) -> pa.Array:
    """The template with each ``{column}`` replaced by the row's value, ``{column!u}`` in upper case; null where one is.

    >>> fill("{unit}/instr:{index}", {"unit": pa.array(["a", "b"]), "index": pa.array([0, None])}).to_pylist()
    ['a/instr:0', None]
    """
    pieces: list[str | pa.Array] = []
    for text, column, _, conversion in Formatter().parse(template):
        pieces.append(text)
        if column is not None:
            values = arrays[column].cast(pa.string())
            pieces.append(pc.utf8_upper(values) if conversion == "u" else values)
    return pc.binary_join_element_wise(*pieces, "")
