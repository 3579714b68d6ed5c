"""The form of the solution: one table of relations, whose rows belong to files. Other plans read it.

Columns: ``relation``, ``file_id``, ``src``, ``dst``, ``kind``, ``label``, ``name``, ``owner``, ``owner_name``,
``position`` (i32), ``confidence`` (f32), ``rule_name``, ``ambiguity_group_id``, ``saturated``; null where a relation
does not say.

    definition   src: definition · name: its qualified name
    points_to    src: place · dst, kind: object · saturated
    call         src: site · dst: callee's definition · kind: function, class, external · label: site kind
                 (``property`` where an attribute's access runs code, ``class`` a class
                 statement) · name: callee · owner, owner_name: caller
    argument     src: site · position, name: argument by position or keyword · dst: parameter (param_id)
    flow         src, dst: places of the source; what is at the one comes to the other because of a call
    base         src: class · dst: definition of a direct base, or name: the external · position
    order        src: class · dst, name: a class of its method resolution order · position: rank, 0 being itself
    override     src: method · dst: the method that it overrides
    type         src: place · dst: class, or name: the external, whose instances may be there
    binding      src: binding (``<scope_id>/bind:<name>``) that nothing in its file binds · dst: the binding of another
                 file that it means, or name: the builtin or external
"""

from collections.abc import Mapping

import pyarrow as pa
import pyarrow.compute as pc

from flight_server.contracts.outputs import OUTPUTS

SCHEMA: pa.Schema = OUTPUTS["resolution"].plain_schema
_FILE_DIGITS = len("file:") + 16
_PLACES = ("var:def:", "x:def:", "ret:def:", "yld:def:")


def rows_of(relation: str, file_ids: pa.Array, columns: Mapping[str, pa.Array | pa.ChunkedArray]) -> pa.Table:
    """Rows of one relation; a column that is not given is null. Rows whose file is unknown are left out."""
    given = {"relation": pa.repeat(pa.scalar(relation), len(file_ids)), "file_id": file_ids, **columns}
    arrays = [
        given[field.name].cast(field.type) if field.name in given else pa.nulls(len(file_ids), field.type)
        for field in SCHEMA
    ]
    table = pa.Table.from_arrays(arrays, schema=SCHEMA)
    return table.filter(pc.is_valid(table["file_id"])) if file_ids.null_count else table


def file_of(texts: pa.Array, prefixes: tuple[str, ...]) -> pa.Array:
    """The file ids in ids and places that have one behind one of the prefixes, else null."""
    found = pa.nulls(len(texts), pa.string())
    for prefix in prefixes:
        start = len(prefix)
        cut = pc.utf8_slice_codeunits(texts, start, start + _FILE_DIGITS)
        found = pc.if_else(pc.starts_with(texts, prefix), cut, found)
    return found


def file_of_place(places: pa.Array) -> pa.Array:
    """The file ids in places of the source."""
    return file_of(places, _PLACES)
