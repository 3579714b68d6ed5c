"""Calls as rows: who calls what, which argument goes to which parameter, and what flows because of that."""

from collections.abc import Mapping

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from flight_server.cpg.points_to.columns import HALF, LOWER, Codes, Ints, Pairs, distinct, is_in, pack
from flight_server.cpg.points_to.confidence import Judgement, judge
from flight_server.cpg.points_to.creation import SITE_KIND
from flight_server.cpg.points_to.heap import Kind
from flight_server.cpg.points_to.names import OBJECT_KINDS, Names
from flight_server.cpg.points_to.rows import file_of, file_of_place, rows_of
from flight_server.cpg.points_to.solve import Solver

_ACCESS = ("get:", "set:", "class:")


def calls(solver: Solver, names: Names) -> pa.Table:
    """Rows of ``call``."""
    world, source = solver.world, solver.world.source
    codes = world.edges.all()
    sites, callees = codes >> HALF, codes & LOWER
    of_source = sites < len(source.sites.caller)
    known = np.where(of_source, sites, 0)
    accesses = _access_sites(solver, np.where(of_source, 0, sites))
    site = pc.coalesce(source.sites.ids.of(known), accesses)
    caller = np.where(of_source, source.sites.caller[known], _definition_of_access(solver, accesses))
    external = world.heap.is_of(callees, Kind.EXTERNAL)
    definition = np.where(external, 0, world.heap.first.values[callees])
    kinds = pa.array(OBJECT_KINDS[kind] for kind in (Kind.FUNCTION, Kind.CLASS, Kind.EXTERNAL))
    which = np.where(external, 2, world.heap.is_of(callees, Kind.CLASS).astype(np.int64))
    return rows_of(
        "call",
        file_of(
            site,
            (
                "site:def:",
                *(f"{access}{kind}:def:" for access in _ACCESS for kind in ("x", "var", "ret")),
                "class:def:",
            ),
        ),
        {
            "src": site,
            "dst": source.definitions.ids.of(definition),
            "kind": kinds.take(pa.array(which)),
            "label": pc.coalesce(
                source.site_kinds.take(pa.array(known)),
                pc.if_else(pc.starts_with(site, "class:"), pa.scalar("class"), pa.scalar("property")),
            ),
            "name": pc.coalesce(names.qualified.take(pa.array(definition)), names.external.take(pa.array(callees))),
            "owner": source.definitions.ids.of(caller),
            "owner_name": names.qualified.take(pa.array(caller)),
            **_judged(judge(solver, codes), site),
        },
    )


def _access_sites(solver: Solver, sites: Ints) -> pa.Array:
    """The ids of the sites of attribute reads and writes; null for others, and for those inside of models."""
    kinds, places = solver.world.access_of(sites)
    source = solver.world.source
    creates = kinds == SITE_KIND
    places = np.where(~creates & (places > len(source.places.values)), 0, places)
    texts = pc.coalesce(
        source.places.of(np.where(creates, 0, places)), source.definitions.ids.of(np.where(creates, places, 0))
    )
    prefix = pa.array([None, *_ACCESS]).take(pa.array(np.where(places > 0, kinds + 1, 0)))
    return pc.binary_join_element_wise(prefix, texts, "")


def _definition_of_access(solver: Solver, accesses: pa.Array) -> Ints:
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
    sites, coded = codes >> HALF, codes & LOWER
    definitions, shift = coded >> 1, coded & 1
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
    site = source.sites.ids.of(sites[at])
    functions = world.heap.object(Kind.FUNCTION, definitions[at])
    return rows_of(
        "argument",
        file_of(site, ("site:def:",)),
        {
            "src": site,
            "dst": source.tables["cst_params"]["param_id"].take(pa.array(parameter - 1)).combine_chunks(),
            "name": source.keys.all.of(spelled),
            "position": pa.array(np.concatenate([position, np.zeros_like(named)])[known], mask=spelled > 0),
            **_judged(judge(solver, pack(sites[at], functions)), site),
        },
    )


def flows(solver: Solver, _: Names) -> pa.Table:
    """Rows of ``flow``: copies between places of the source that the source's own copies do not say."""
    source = solver.world.source
    codes = _from_returns(solver.world.copies.all(), solver.world.passed.origins)
    last = len(source.places.values)
    codes = codes[(codes >> HALF <= last) & (codes & LOWER <= last)]
    own = Codes()
    own.add(pack(source.place["flow_copies", "src"], source.place["flow_copies", "dst"]))
    codes = codes[~own.contains(codes)]
    origin = source.places.of(codes >> HALF)
    return rows_of("flow", file_of_place(origin), {"src": origin, "dst": source.places.of(codes & LOWER)})


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


def _judged(found: Judgement, sites: pa.Array) -> Mapping[str, pa.Array]:
    return {
        "confidence": pa.array(found.confidence),
        "rule_name": found.rule,
        "ambiguity_group_id": pc.if_else(pa.array(found.ambiguous), sites, None),
    }
