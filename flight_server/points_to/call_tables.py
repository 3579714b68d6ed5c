"""Calls as rows: who calls what, which argument goes to which parameter, and what flows because of that."""

from collections.abc import Mapping

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from flight_server.points_to.columns import HALF, LOWER, Codes, Ints, Pairs, distinct, is_in, pack
from flight_server.points_to.confidence import RULES, Judgement, judge
from flight_server.points_to.creation import SITE_KIND
from flight_server.points_to.heap import Kind
from flight_server.points_to.interning import Texts, coded
from flight_server.points_to.names import Names
from flight_server.points_to.object_ids import ACCESSES, OBJECT_KINDS
from flight_server.points_to.rows import choice, rows_of
from flight_server.points_to.solve import Solver


def calls(solver: Solver, names: Names) -> pa.Table:
    """Rows of ``call``."""
    world, source = solver.world, solver.world.source
    codes = world.edges.all()
    sites, callees = codes >> HALF, codes & LOWER
    accesses, files = _accesses(solver)
    texts = pa.concat_arrays([pa.nulls(1, pa.string()), source.sites.ids.values, accesses])
    caller = np.concatenate([source.sites.caller, _definitions_of(solver, accesses)])[sites]
    external = world.heap.is_of(callees, Kind.EXTERNAL)
    definition = np.where(external, 0, world.heap.first.values[callees])
    which = np.where(external, 2, world.heap.is_of(callees, Kind.CLASS).astype(np.int64))
    labels = pc.coalesce(
        pa.concat_arrays([source.site_kinds, pa.nulls(len(accesses), pa.string())]),
        pc.if_else(pc.starts_with(texts, "class:"), "class", "property"),
    )
    named = pa.concat_arrays([names.qualified, names.external])
    return rows_of(
        "call",
        source.files.at(np.concatenate([source.sites.ids.files, files])[sites]),
        {
            "src": coded(texts, sites),
            "dst": source.definitions.ids.coded(definition),
            "kind": choice(tuple(OBJECT_KINDS[kind] for kind in (Kind.FUNCTION, Kind.CLASS, Kind.EXTERNAL)), which),
            "label": coded(labels, sites),
            "name": coded(named, np.where(definition > 0, definition, len(names.qualified) + callees)),
            "owner": source.definitions.ids.coded(caller),
            "owner_name": coded(names.qualified, caller),
            **_judged(judge(solver, codes), texts, sites),
        },
    )


def _accesses(solver: Solver) -> tuple[pa.Array, Ints]:
    """The ids of the sites behind those of the source, and their files: of attribute reads and writes.

    Null and 0 inside of models, and for places that no source spells.
    """
    world, source = solver.world, solver.world.source
    kinds, places = world.access_of(np.arange(len(source.sites.caller), world.sites))
    creates = kinds == SITE_KIND
    places = np.where(~creates & (places > len(source.places.values)), 0, places)
    held, made = np.where(creates, 0, places), np.where(creates, places, 0)
    texts = pc.coalesce(source.places.of(held), source.definitions.ids.of(made))
    prefix = pa.array([None, *ACCESSES]).take(pa.array(np.where(places > 0, kinds + 1, 0)))
    files = source.places.files[held] + source.definitions.ids.files[made]
    return pc.binary_join_element_wise(prefix, texts, ""), files


def _definitions_of(solver: Solver, accesses: pa.Array) -> Ints:
    """The definitions whose code reads or writes: those in the places that the sites are named after."""
    known = solver.world.source.definitions
    of_class = known.ids.find(
        pc.if_else(pc.starts_with(accesses, "class:"), pc.utf8_slice_codeunits(accesses, 6), None)
    )
    inside = pc.replace_substring_regex(accesses, r"^(get|set):(var|x|ret):(.*?)(/scope)?(:[^:]*)?$", r"\3")
    return np.where(of_class > 0, known.executing(known.container[of_class]), known.ids.find(inside))


def arguments(solver: Solver, _: Names) -> pa.Table:
    """Rows of ``argument``: those of calls that the source spells or implies."""
    world, source = solver.world, solver.world.source
    codes = world.bound_calls.all()
    sites, bound = codes >> HALF, codes & LOWER
    definitions, shift = bound >> 1, bound & 1
    parameters = _Parameters(solver)
    which, rows = world.arguments.positional.under(sites)
    position = rows[:, 1]
    taken = parameters.at(definitions[which], position + shift[which])
    named, pairs = world.arguments.keyword.under(sites)
    by_name = parameters.named(definitions[named], pairs[:, 1])
    at = np.concatenate([which, named])
    parameter = np.concatenate([taken, by_name])
    known = parameter > 0
    spelled = np.concatenate([np.zeros_like(position), pairs[:, 1]])[known]
    at, parameter = at[known], parameter[known]
    texts, at_site = pa.concat_arrays([pa.nulls(1, pa.string()), source.sites.ids.values]), sites[at]
    functions = world.heap.object(Kind.FUNCTION, definitions[at])
    return rows_of(
        "argument",
        source.files.at(source.sites.ids.files[at_site]),
        {
            "src": coded(texts, at_site),
            "dst": Texts(source.tables["cst_params"]["param_id"].combine_chunks()).coded(parameter),
            "name": source.keys.all.coded(spelled),
            "position": pa.array(np.concatenate([position, np.zeros_like(named)])[known], mask=spelled > 0),
            **_judged(judge(solver, pack(at_site, functions)), texts, at_site),
        },
    )


def flows(solver: Solver, names: Names) -> pa.Table:
    """Rows of ``flow``: copies between places of the source that the source's own copies do not say.

    They are in the file of the call or access: of what takes the value there, or else of what gives it to a parameter.
    """
    source = solver.world.source
    codes = _from_returns(solver.world.copies.all(), solver.world.passed.origins)
    last = len(source.places.values)
    codes = codes[(codes >> HALF <= last) & (codes & LOWER <= last)]
    own = Codes()
    own.add(pack(source.place["flow_copies", "src"], source.place["flow_copies", "dst"]))
    codes = codes[~own.contains(codes)]
    places, origins = source.places, codes >> HALF
    taken = names.is_expression.copy()
    taken[source.place["cst_params", "place"]] = False
    files = source.files_of_places(np.where(taken[codes & LOWER], codes & LOWER, origins))
    return rows_of("flow", files, {"src": places.coded(origins), "dst": places.coded(codes & LOWER)})


def _from_returns(copies: Ints, origins: Ints) -> Ints:
    """What comes from the inner places of functions comes from their return values."""
    sources, inner = copies >> HALF, origins >> HALF
    at = np.minimum(inner.searchsorted(sources), max(len(inner) - 1, 0))
    found = is_in(sources, inner)
    sources[found] = origins[at[found]] & LOWER
    return distinct(pack(sources, copies & LOWER))


class _Parameters:
    """The rows of ``cst_params``, from 1, by definition and position or name."""

    def __init__(self, solver: Solver) -> None:
        world, source = solver.world, solver.world.source
        table = source.tables["cst_params"]
        definition = source.definitions.ids.find(table["def_id"])
        row = np.arange(1, len(definition) + 1)
        kind = table["kind"].combine_chunks()
        self.parameters = world.parameters
        self._by_place = np.zeros(len(source.places.values) + 1, np.int64)
        self._by_place[source.place["cst_params", "place"]] = row
        self._rest, self._extra = np.zeros((2, len(source.definitions.container)), np.int64)
        for column, name in ((self._rest, "vararg"), (self._extra, "kwarg")):
            chosen = pc.equal(kind, name).fill_null(fill_value=False).to_numpy(zero_copy_only=False)
            column[definition[chosen]] = row[chosen]

    def at(self, definitions: Ints, positions: Ints) -> Ints:
        return self._found(self.parameters.positional, definitions, positions, self._rest)

    def named(self, definitions: Ints, keys: Ints) -> Ints:
        return self._found(self.parameters.named, definitions, keys, self._extra)

    def _found(self, known: Pairs, definitions: Ints, second: Ints, others: Ints) -> Ints:
        place = known.find(pack(definitions, second))
        return np.where(place > 0, self._by_place[place], others[definitions])


def _judged(found: Judgement, texts: pa.Array, sites: Ints) -> Mapping[str, pa.Array]:
    return {
        "confidence": pa.array(found.confidence),
        "rule_name": choice(RULES, found.rule),
        "ambiguity_group_id": coded(texts, np.where(found.ambiguous, sites, 0)),
    }
