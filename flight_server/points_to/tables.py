"""The relations of a solution, one function each; ``rows`` says what they hold."""

from collections.abc import Callable

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from flight_server.points_to.call_tables import arguments, calls, flows
from flight_server.points_to.columns import HALF, LOWER, Ints, distinct, is_in, pack
from flight_server.points_to.heap import Kind
from flight_server.points_to.hierarchy import overridden
from flight_server.points_to.interning import coded
from flight_server.points_to.names import Names, name_all
from flight_server.points_to.object_ids import OBJECT_KINDS
from flight_server.points_to.rows import choice, rows_of
from flight_server.points_to.solve import Solver

Relation = Callable[[Solver, Names], pa.Table]


def relations(solver: Solver) -> pa.Table:
    """All relations of a solution."""
    names = name_all(solver.world)
    return pa.concat_tables([make(solver, names) for make in _RELATIONS])


def _definitions(solver: Solver, names: Names) -> pa.Table:
    ids = solver.world.source.definitions.ids
    numbers = np.arange(1, len(ids.values) + 1)
    return rows_of(
        "definition",
        solver.world.source.files_of_definitions(numbers),
        {"src": ids.coded(numbers), "name": coded(names.qualified, numbers)},
    )


def _points_to(solver: Solver, names: Names) -> pa.Table:
    world = solver.world
    codes = world.points.all()
    codes = codes[codes >> HALF <= len(world.source.places.values)]
    places, objects = codes >> HALF, codes & LOWER
    number = np.zeros(max(Kind) + 1, np.int64)
    number[list(Kind)] = np.arange(len(Kind))
    return rows_of(
        "points_to",
        world.source.files_of_places(places),
        {
            "src": world.source.places.coded(places),
            "dst": coded(names.object_id, objects),
            "kind": choice(tuple(OBJECT_KINDS[kind] for kind in Kind), number[world.heap.kinds(objects)]),
            "saturated": pa.array(world.is_saturated(places)),
        },
    )


def _bases(solver: Solver, names: Names) -> pa.Table:
    world = solver.world
    owners, bases, _ = world.bases
    return _class_pairs(solver, names, "base", owners, bases, np.arange(len(owners)) - np.searchsorted(owners, owners))


def _orders(solver: Solver, names: Names) -> pa.Table:
    world = solver.world
    classes = np.unique(world.definition(np.flatnonzero(world.source.definitions.is_class)))
    number, rank, member = world.classes.order(classes)
    cut = is_in(classes[number], world.classes.cut)
    return _class_pairs(solver, names, "order", classes[number], member, rank, saturated=pa.array(cut, mask=~cut))


def _class_pairs(
    solver: Solver, names: Names, relation: str, first: Ints, second: Ints, position: Ints, **others: pa.Array
) -> pa.Table:
    world = solver.world
    definition = world.heap.first.values[first]
    other = np.where(world.heap.is_of(second, Kind.CLASS), world.heap.first.values[second], 0)
    return rows_of(
        relation,
        world.source.files_of_definitions(definition),
        {
            "src": world.source.definitions.ids.coded(definition),
            "dst": world.source.definitions.ids.coded(other),
            "name": coded(names.external, second),
            "position": pa.array(position),
            **others,
        },
    )


def _overrides(solver: Solver, _: Names) -> pa.Table:
    source = solver.world.source
    method, other = overridden(solver.world)
    columns = {"src": source.definitions.ids.coded(method), "dst": source.definitions.ids.coded(other)}
    return rows_of("override", source.files_of_definitions(method), columns)


def _types(solver: Solver, names: Names) -> pa.Table:
    """Instances at variables, parameters and what functions return."""
    world = solver.world
    codes = world.points.all()
    places, objects = codes >> HALF, codes & LOWER
    heap = world.heap
    chosen = (places <= len(world.source.places.values)) & heap.is_of(
        objects, Kind.INSTANCE, Kind.CONSTANT, Kind.CONTAINER
    )
    chosen[chosen] = ~world.is_saturated(places[chosen]) & ~names.is_expression[places[chosen]]
    places, objects = places[chosen], objects[chosen]
    instance = heap.is_of(objects, Kind.INSTANCE)
    shape = np.where(heap.is_of(objects, Kind.CONTAINER), heap.second.values[objects], heap.first.values[objects])
    types = np.where(instance, heap.first.values[objects], world.shape_types[np.where(instance, 0, shape)])
    typed = distinct(pack(places, types))
    places, types = typed >> HALF, typed & LOWER
    of_class = heap.is_of(types, Kind.CLASS)
    return rows_of(
        "type",
        world.source.files_of_places(places),
        {
            "src": world.source.places.coded(places),
            "dst": world.source.definitions.ids.coded(np.where(of_class, heap.first.values[types], 0)),
            "name": coded(names.external, types),
        },
    )


def _bindings(solver: Solver, names: Names) -> pa.Table:
    """Names that nothing in their file binds, and what they mean."""
    world = solver.world
    places, externals = world.meant_externals
    starred, sources = world.meant_variables
    every = np.concatenate([places, starred])
    missing = np.zeros_like(places)
    return rows_of(
        "binding",
        world.source.files_of_places(every),
        {
            "src": _binding_ids(world.source.places.of(every)),
            "dst": _binding_ids(world.source.places.of(np.concatenate([missing, sources]))),
            "name": coded(names.external, np.concatenate([externals, np.zeros_like(starred)])),
        },
    )


def _binding_ids(variables: pa.Array) -> pa.Array:
    """``var:<scope_id>:<name>`` as ``<scope_id>/bind:<name>``."""
    return pc.replace_substring(pc.utf8_slice_codeunits(variables, len("var:")), "/scope:", "/scope/bind:")


_RELATIONS: tuple[Relation, ...] = (
    *(_definitions, _points_to, calls, arguments, flows, _bases, _orders, _overrides, _types, _bindings),
)
