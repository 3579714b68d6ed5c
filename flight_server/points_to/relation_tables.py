"""The relations of a solution, one function each; ``relation_rows`` describes them."""

from collections.abc import Callable

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from flight_server.points_to.call_confidence import judged_edges
from flight_server.points_to.call_relations import arguments, calls, flows
from flight_server.points_to.class_hierarchy import overridden
from flight_server.points_to.fixpoint import Solution
from flight_server.points_to.heap import Kind
from flight_server.points_to.integer_columns import HALF, LOWER, Ints, distinct, is_in, pack
from flight_server.points_to.interned_strings import coded
from flight_server.points_to.object_ids import OBJECT_KINDS, object_ids
from flight_server.points_to.qualified_names import external_names, qualified_names
from flight_server.points_to.relation_rows import NamedSolution, choice, relation_table
from flight_server.points_to.unresolved_calls import unresolved

Relation = Callable[[NamedSolution], pa.Table]


def relations(solution: Solution) -> pa.Table:
    """All relations of a solution."""
    steps = external_names(solution.state)
    externals = pc.replace_substring(steps, ".()", "")
    facts = solution.state.facts
    solution.state.merge_saturated()
    named = NamedSolution(solution, qualified_names(facts), object_ids(solution.state, steps), externals)
    judged = judged_edges(solution)
    about_calls = [make(named, judged) for make in (calls, arguments, unresolved)]
    return pa.concat_tables([*(make(named) for make in _RELATIONS), *about_calls])


def _definitions(named: NamedSolution) -> pa.Table:
    ids = named.facts.definitions.ids
    numbers = np.arange(1, len(ids.values) + 1)
    columns = {"src": ids.coded(numbers), "name": coded(named.qualified, numbers)}
    return relation_table("definition", named.facts.definition_files(numbers), columns)


def _points_to(named: NamedSolution) -> pa.Table:
    state, facts = named.state, named.facts
    places, objects = named.held >> HALF, named.held & LOWER
    number = np.zeros(max(Kind) + 1, np.int64)
    number[list(Kind)] = np.arange(len(Kind))
    columns = {
        "src": facts.places.coded(places),
        "dst": coded(named.object_ids, objects),
        "kind": choice(tuple(OBJECT_KINDS[kind] for kind in Kind), number[state.heap.kind[objects]]),
        "saturated": pa.array(state.is_saturated(places)),
    }
    return relation_table("points_to", facts.place_files(places), columns)


def _bases(named: NamedSolution) -> pa.Table:
    owners = named.state.classes.owners
    position = np.arange(len(owners)) - np.searchsorted(owners, owners)
    return _class_pairs(named, "base", owners, named.state.classes.bases, position)


def _orders(named: NamedSolution) -> pa.Table:
    orders = named.state.classes
    classes = np.unique(named.state.definition(np.flatnonzero(named.facts.definitions.is_class)))
    number, rank, member = orders.order(classes)
    cut = is_in(classes[number], orders.cut)
    return _class_pairs(named, "order", classes[number], member, rank, saturated=pa.array(cut, mask=~cut))


def _class_pairs(
    named: NamedSolution, relation: str, first: Ints, second: Ints, position: Ints, **others: pa.Array
) -> pa.Table:
    heap, ids = named.state.heap, named.facts.definitions.ids
    definition = heap.first[first]
    columns = {
        "src": ids.coded(definition),
        "dst": ids.coded(np.where(heap.is_of(second, Kind.CLASS), heap.first[second], 0)),
        "name": coded(named.externals, second),
        "position": pa.array(position),
        **others,
    }
    return relation_table(relation, named.facts.definition_files(definition), columns)


def _overrides(named: NamedSolution) -> pa.Table:
    ids = named.facts.definitions.ids
    method, other = overridden(named.state)
    columns = {"src": ids.coded(method), "dst": ids.coded(other)}
    return relation_table("override", named.facts.definition_files(method), columns)


def _types(named: NamedSolution) -> pa.Table:
    """Instances at variables, parameters and return values."""
    state, facts, heap = named.state, named.facts, named.state.heap
    places, objects = named.held >> HALF, named.held & LOWER
    chosen = heap.is_of(objects, Kind.INSTANCE, Kind.CONSTANT, Kind.CONTAINER)
    chosen[chosen] = ~state.is_saturated(places[chosen]) & ~named.is_expression()[places[chosen]]
    places, objects = places[chosen], objects[chosen]
    instance = heap.is_of(objects, Kind.INSTANCE)
    shape = np.where(heap.is_of(objects, Kind.CONTAINER), heap.shape(objects), heap.first[objects])
    types = np.where(instance, heap.first[objects], state.library.shape_types[np.where(instance, 0, shape)])
    typed = distinct(pack(places, types))
    places, types = typed >> HALF, typed & LOWER
    columns = {
        "src": facts.places.coded(places),
        "dst": facts.definitions.ids.coded(np.where(heap.is_of(types, Kind.CLASS), heap.first[types], 0)),
        "name": coded(named.externals, types),
    }
    return relation_table("type", facts.place_files(places), columns)


def _bindings(named: NamedSolution) -> pa.Table:
    """Names that their own file does not bind, and their meanings."""
    facts = named.facts
    places, externals = named.solution.links.externals
    starred, variables = named.solution.links.variables
    every = np.concatenate([places, starred])
    columns = {
        "src": _binding_ids(facts.places.of(every)),
        "dst": _binding_ids(facts.places.of(np.concatenate([np.zeros_like(places), variables]))),
        "name": coded(named.externals, np.concatenate([externals, np.zeros_like(starred)])),
    }
    return relation_table("binding", facts.place_files(every), columns)


def _binding_ids(variables: pa.Array) -> pa.Array:
    """``var:<scope_id>:<name>`` as ``<scope_id>/bind:<name>``."""
    return pc.replace_substring(pc.utf8_slice_codeunits(variables, len("var:")), "/scope:", "/scope/bind:")


_RELATIONS: tuple[Relation, ...] = (*(_definitions, _points_to, flows, _bases, _orders, _overrides, _types, _bindings),)
