"""Columns to properties: each value becomes a row of its own, with its entity and its key."""

from collections.abc import Iterable
from functools import partial

import pyarrow as pa
import pyarrow.compute as pc

from arrowdsl.plan.nodes import Plan
from flight_client.contracts.outputs import OUTPUTS
from flight_server.pipeline.relational import kernel

PROPS: pa.Schema = OUTPUTS["cpg_props"].plain_schema
_ESCAPES = (("\\", "\\\\"), ('"', '\\"'), ("\n", "\\n"), ("\r", "\\r"), ("\t", "\\t"))
_CONTROL = r"[\x00-\x1f]"  # besides the characters above, the only ones that JSON strings must escape
_BLANK = ord(" ")


def unpivoted(rows: Plan, keys: tuple[str, ...]) -> Plan:
    """The columns of PROPS, from rows with an ``entity_id`` and a column for each key; a null value gives no row."""
    columns = f"entity_id {' '.join(keys)}"
    apply = partial(_unpivoted, keys=keys)
    return kernel(f"properties {', '.join(keys)}", apply, (rows, columns), version=2, passes="entity_id")


def json_of(values: pa.Array) -> pa.Array:
    """Each value as JSON text; a null stays null."""
    kind = values.type
    if pa.types.is_map(kind):
        items = pa.StructArray.from_arrays([values.keys, values.items], names=["key", "value"])
        return _json_lists(values.offsets, items, values)
    if pa.types.is_list(kind):
        return _json_lists(values.offsets, values.values, values)
    if pa.types.is_struct(kind):
        fields = [_json_field(name, values.field(place)) for place, name in enumerate(kind.names)]
        inside = pc.binary_join_element_wise(*fields, ",", null_handling="replace", null_replacement="")
        return _null_where(pc.binary_join_element_wise("{", inside, "}", ""), values)
    if pa.types.is_boolean(kind) or pa.types.is_integer(kind) or pa.types.is_floating(kind):
        return values.cast(pa.string())
    return pc.binary_join_element_wise('"', _escaped(values.cast(pa.string())), '"', "")


def _unpivoted(table: pa.Table, keys: Iterable[str]) -> pa.Table:
    found = (_properties(table.column("entity_id"), key, table.column(key)) for key in keys)
    return pa.concat_tables([PROPS.empty_table(), *found])


def _properties(entities: pa.ChunkedArray, key: str, values: pa.ChunkedArray) -> pa.Table:
    given = pc.and_(pc.is_valid(values), pc.is_valid(entities))
    entities, values = entities.filter(given), values.filter(given)
    name, typed = _typed(values)
    columns = {"entity_kind": _all("node", len(values)), "entity_id": entities, "prop_key": _all(key, len(values))}
    arrays = [
        columns.get(field.name, typed if field.name == name else pa.nulls(len(values), field.type)) for field in PROPS
    ]
    return pa.Table.from_arrays(arrays, schema=PROPS)


def _typed(values: pa.ChunkedArray) -> tuple[str, pa.ChunkedArray]:
    kind = values.type
    if pa.types.is_nested(kind):
        return "value_json", pa.chunked_array(map(json_of, values.chunks), pa.string())
    if pa.types.is_boolean(kind):
        return "value_bool", values
    if pa.types.is_integer(kind):
        return "value_int", values.cast(pa.int64())
    if pa.types.is_floating(kind):
        return "value_float", values.cast(pa.float64())
    if pa.types.is_binary(kind):
        return "value_str", pc.binary_join_element_wise(
            "", pc.cast(pc.binary_length(values), pa.string()), " bytes", ""
        )
    return "value_str", values.cast(pa.string())


def _json_lists(offsets: pa.Array, elements: pa.Array, values: pa.Array) -> pa.Array:
    spelled = pc.fill_null(json_of(elements), "null")
    joined = pc.binary_join(pa.ListArray.from_arrays(offsets, spelled), ",")
    return _null_where(pc.binary_join_element_wise("[", joined, "]", ""), values)


def _json_field(name: str, values: pa.Array) -> pa.Array:
    return pc.binary_join_element_wise(f'"{name}":', pc.fill_null(json_of(values), "null"), "")


def _null_where(texts: pa.Array, values: pa.Array) -> pa.Array:
    return pc.if_else(pc.is_valid(values), texts, None)


def _escaped(texts: pa.Array) -> pa.Array:
    for plain, escaped in _ESCAPES:
        texts = pc.replace_substring(texts, plain, escaped)
    if pc.any(pc.match_substring_regex(texts, _CONTROL)).as_py():
        for code in range(_BLANK):
            texts = pc.replace_substring(texts, chr(code), f"\\u{code:04x}")
    return texts


def _all(text: str, size: int) -> pa.Array:
    return pa.repeat(pa.scalar(text), size)
