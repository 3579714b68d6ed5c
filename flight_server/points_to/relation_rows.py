"""The solution as one table of relations, whose rows belong to files. The plans of other outputs read it.

Columns: ``relation``, ``file_id``, ``src``, ``dst``, ``kind``, ``label``, ``name``, ``owner``, ``owner_name``,
``position`` (i32), ``confidence`` (f32), ``rule_name``, ``ambiguity_group_id``, ``saturated``. A column that a relation
does not use is null.

    definition   src: definition · name: its qualified name
    points_to    src: place · dst, kind: object · saturated
    call         src: site · dst: callee's definition · kind: function, class, external, or plain_class for a class
                 without an ``__init__`` of its own · label: site kind
                 (``property``: an attribute access that runs code, ``class``: a class
                 statement) · name: callee · owner, owner_name: caller
    unresolved   src: site without a row of ``call`` · kind: the reason · owner, owner_name: caller
    argument     src: site · position, name: argument by position or keyword · dst: parameter (param_id)
    flow         src, dst: places of the source; a call copies objects from src to dst; the row belongs to the call's
                 file
    base         src: class · dst: definition of a direct base, or name: the external · position
    order        src: class · dst, name: a class of its method resolution order · position: rank, 0 being itself ·
                 saturated: a base is missing
    override     src: method · dst: the method that it overrides
    type         src: place · dst: the class, or name: the external, whose instances the place may hold
    binding      src: an unbound name (``<scope_id>/bind:<name>``) · dst: the binding in another file that it means, or
                 name: the builtin or external
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from arrowdsl.schema.schema import DICTIONARY
from flight_client.contracts.outputs import OUTPUTS
from flight_server.points_to.facts import Facts
from flight_server.points_to.fixpoint import Solution
from flight_server.points_to.integer_columns import HALF, LOWER, Ints, Mask, distinct, pack
from flight_server.points_to.interned_strings import coded, flags
from flight_server.points_to.state import State

_PLAIN: pa.Schema = OUTPUTS["resolution"].plain_schema
SCHEMA = pa.schema(
    [column.with_type(DICTIONARY) if column.type == pa.string() else column for column in _PLAIN],
    metadata=_PLAIN.metadata,
)


@dataclass(frozen=True)
class NamedSolution:
    """A solution with the names of its definitions, objects and externals, by number; number 0 is null."""

    solution: Solution
    qualified: pa.Array
    object_ids: pa.Array
    externals: pa.Array

    @property
    def state(self) -> State:
        """The state at the fixpoint."""
        return self.solution.state

    @property
    def facts(self) -> Facts:
        """The repo's facts."""
        return self.solution.state.facts

    @cached_property
    def held(self) -> Ints:
        """The packed (place, object) of the source's places: in all contexts together, and objects by their ids."""
        heap, codes = self.state.heap, self.state.points.all()
        places = heap.spelled(codes >> HALF)
        here = places <= self.facts.last_place
        encoded = self.object_ids.dictionary_encode().indices.fill_null(0).to_numpy(zero_copy_only=False)
        representative = np.unique(encoded, return_index=True)[1][encoded]
        return distinct(pack(places[here], representative[codes[here] & LOWER]))

    def is_expression(self) -> Mask:
        """Which places of the source are temporaries, which have no names."""
        return np.concatenate([[False], flags(pc.starts_with(self.facts.places.values, "x:def:"))])


def relation_table(relation: str, file_ids: pa.DictionaryArray, columns: Mapping[str, pa.Array]) -> pa.Table:
    """Rows of one relation; a column that is not given is null. Rows without a file are left out.

    Strings are dictionary-encoded for each relation: they repeat, and a large repo has tens of millions of rows.
    """
    name = pa.DictionaryArray.from_arrays(pa.array(np.zeros(len(file_ids), np.int32)), pa.array([relation]))
    given = {"relation": name, "file_id": file_ids, **columns}
    arrays = [
        given[field.name].cast(field.type) if field.name in given else pa.nulls(len(file_ids), field.type)
        for field in SCHEMA
    ]
    table = pa.Table.from_arrays(arrays, schema=SCHEMA)
    return table.filter(pc.is_valid(table["file_id"])) if file_ids.null_count else table


def choice(values: tuple[str, ...], numbers: Ints) -> pa.DictionaryArray:
    """A column of a few values, given by their indexes."""
    return coded(pa.array(values, pa.string()), numbers)
