"""Calls as rows: callers and callees with a confidence, the parameters of arguments, and the flows of calls.

``call_confidence`` says how sure each edge is.
"""

from collections.abc import Mapping

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from flight_server.points_to.call_confidence import CONFIDENCE, CallRule, JudgedEdges
from flight_server.points_to.facts import Facts, where_equal
from flight_server.points_to.heap import Kind
from flight_server.points_to.integer_columns import HALF, LOWER, Ints, distinct, is_in, pack
from flight_server.points_to.interned_strings import Interned, coded
from flight_server.points_to.object_ids import ACCESSES
from flight_server.points_to.relation_rows import NamedSolution, choice, relation_table
from flight_server.points_to.sorted_runs import PairSet
from flight_server.points_to.state import CREATION

_RULES = tuple(rule.name.lower() for rule in CallRule)
_CONFIDENCE = np.array([CONFIDENCE[rule] for rule in CallRule], np.float32)


def calls(named: NamedSolution, judged: JudgedEdges) -> pa.Table:
    """Rows of ``call``."""
    state, facts, ids = named.state, named.facts, named.facts.definitions.ids
    codes = judged.edges
    sites, callees = codes >> HALF, codes & LOWER
    accesses, files = _accesses(named)
    texts = pa.concat_arrays([pa.nulls(1, pa.string()), facts.sites.ids.values, accesses])
    caller = np.concatenate([facts.sites.caller, _definitions_of(facts, accesses)])[sites]
    external = state.heap.is_of(callees, Kind.EXTERNAL)
    definition = np.where(external, 0, state.heap.first[callees])
    is_class = state.heap.is_of(callees, Kind.CLASS)
    initialises = is_in(pack(callees, state.keys["__init__"]), state.classes.binds)
    which = np.select([external, is_class & initialises, is_class], [2, 1, 3], 0)
    labels = pc.coalesce(
        pa.concat_arrays([pa.nulls(1, pa.string()), facts.sites.kind, pa.nulls(len(accesses), pa.string())]),
        pc.if_else(pc.starts_with(texts, "class:"), "class", "property"),
    )
    names = pa.concat_arrays([named.qualified, named.externals])
    columns = {
        "src": coded(texts, sites),
        "dst": ids.coded(definition),
        "kind": choice(("function", "class", "external", "plain_class"), which),
        "label": coded(labels, sites),
        "name": coded(names, np.where(definition > 0, definition, len(named.qualified) + callees)),
        "owner": ids.coded(caller),
        "owner_name": coded(named.qualified, caller),
        **_sureness(judged, texts),
    }
    files = facts.files.ids.coded(np.concatenate([facts.sites.ids.files, files])[sites])
    return relation_table("call", files, columns)


def _accesses(named: NamedSolution) -> tuple[pa.Array, Ints]:
    """The ids and files of the sites that are numbered after those of the source: attribute reads and writes.

    Null and 0 for sites inside models, and for places that the source does not spell.
    """
    state, facts = named.state, named.facts
    kinds, places = state.access_of(np.arange(len(facts.sites.caller), state.sites))
    creates = kinds == CREATION
    places = np.where(~creates & (places > facts.last_place), 0, places)
    held, made = np.where(creates, 0, places), np.where(creates, places, 0)
    texts = pc.coalesce(facts.places.of(held), facts.definitions.ids.of(made))
    prefix = pa.array([None, *ACCESSES]).take(pa.array(np.where(places > 0, kinds + 1, 0)))
    files = facts.places.files[held] + facts.definitions.ids.files[made]
    return pc.binary_join_element_wise(prefix, texts, ""), files


def _definitions_of(facts: Facts, accesses: pa.Array) -> Ints:
    """The definitions whose code makes the accesses, taken from the places in the sites' ids."""
    defs = facts.definitions
    classes = pc.if_else(pc.starts_with(accesses, "class:"), pc.utf8_slice_codeunits(accesses, len("class:")), None)
    of_class = defs.ids.find(classes)
    inside = pc.replace_substring_regex(
        accesses, r"^(?:get|set):(?:(?:var|x):(.*?)(?:/scope)?:[^:]*|(?:ret|yld):(.*))$", r"\1\2"
    )
    return np.where(of_class > 0, defs.executing(defs.container[of_class]), defs.ids.find(inside))


def arguments(named: NamedSolution, judged: JudgedEdges) -> pa.Table:
    """Rows of ``argument``, for calls that the source spells or implies."""
    state, facts = named.state, named.facts
    codes = state.bound_calls.all()
    sites, bound = codes >> HALF, codes & LOWER
    definitions, shift = bound >> 1, bound & 1
    which, position, _ = state.arguments.positional.under(sites)
    taken = state.parameters.positional.find(pack(definitions[which], position + shift[which]))
    by_name, keys, _ = state.arguments.keyword.under(sites)
    keyword = state.parameters.named.find(pack(definitions[by_name], keys))
    parameter = np.concatenate(
        [
            _parameter_rows(facts, taken, definitions[which], "vararg"),
            _parameter_rows(facts, keyword, definitions[by_name], "kwarg"),
        ]
    )
    has_parameter = parameter > 0
    at, parameter = np.concatenate([which, by_name])[has_parameter], parameter[has_parameter]
    spelled = np.concatenate([np.zeros_like(position), keys])[has_parameter]
    texts, at_site = pa.concat_arrays([pa.nulls(1, pa.string()), facts.sites.ids.values]), sites[at]
    functions = state.heap.object(Kind.FUNCTION, definitions[at])
    columns = {
        "src": coded(texts, at_site),
        "dst": Interned(facts.tables["cst_params"]["param_id"].combine_chunks()).coded(parameter),
        "name": state.keys.all.coded(spelled),
        "position": pa.array(np.concatenate([position, np.zeros_like(by_name)])[has_parameter], mask=spelled > 0),
        **_sureness(judged.of(pack(at_site, functions)), texts),
    }
    return relation_table("argument", facts.files.ids.coded(facts.sites.ids.files[at_site]), columns)


def _parameter_rows(facts: Facts, places: Ints, definitions: Ints, surplus: str) -> Ints:
    """Row numbers in ``cst_params``, from 1: the parameters at places, else the ``*args`` or ``**kwargs``."""
    table = facts.tables["cst_params"]
    row = np.arange(1, len(table) + 1)
    takes = where_equal(table, "kind", surplus)
    others = np.zeros(len(facts.definitions.container), np.int64)
    others[facts.definitions.ids.find(table["def_id"])[takes]] = row[takes]
    return np.where(places > 0, facts.by_place(facts.place["cst_params", "place"], row)[places], others[definitions])


def flows(named: NamedSolution) -> pa.Table:
    """Rows of ``flow``: copies between places of the source that are not among the source's own copies.

    A row's file is that of the call or access: the file of the target, or, if the target is a parameter, of the origin.
    """
    facts, places = named.facts, named.facts.places
    heap, codes = named.state.heap, named.state.copies.all()
    codes = pack(heap.spelled(codes >> HALF), heap.spelled(codes & LOWER))
    codes = _from_returns(codes, named.state.returned.origins)
    codes = codes[(codes >> HALF <= facts.last_place) & (codes & LOWER <= facts.last_place)]
    own = PairSet()
    own.add(pack(facts.place["flow_copies", "src"], facts.place["flow_copies", "dst"]))
    codes = codes[~own.contains(codes)]
    origins, targets = codes >> HALF, codes & LOWER
    takes = named.is_expression()
    takes[facts.place["cst_params", "place"]] = False
    files = facts.place_files(np.where(takes[targets], targets, origins))
    return relation_table("flow", files, {"src": places.coded(origins), "dst": places.coded(targets)})


def _from_returns(copies: Ints, origins: Ints) -> Ints:
    """The copies, with each place of a function's other return values replaced by the place of its return value."""
    sources, others = copies >> HALF, origins >> HALF
    at = np.minimum(others.searchsorted(sources), max(len(others) - 1, 0))
    found = is_in(sources, others)
    sources[found] = origins[at[found]] & LOWER
    return distinct(pack(sources, copies & LOWER))


def _sureness(judged: JudgedEdges, sites: pa.Array) -> Mapping[str, pa.Array]:
    """The confidence of edges, its rule, and the site as the name of the group of rivals."""
    return {
        "confidence": pa.array(_CONFIDENCE[judged.rules]),
        "rule_name": choice(_RULES, judged.rules),
        "ambiguity_group_id": coded(sites, np.where(judged.has_rivals, judged.edges >> HALF, 0)),
    }
