"""From the classes at the places of bases to the classes' orders, metaclasses and dataclass fields."""

import numpy as np
import pyarrow.compute as pc

from flight_server.points_to.classes import Classes, linearise, with_too_many_bases
from flight_server.points_to.columns import HALF, LOWER, NONE, Codes, Ints, constant, ints, pack, spread
from flight_server.points_to.heap import Kind
from flight_server.points_to.source import rows_where
from flight_server.points_to.world import World


def order_classes(world: World, bound: Codes) -> Ints:
    """Find the orders of all classes as the bases are known now; gives the classes whose order has changed."""
    bases = _bases(world, metaclass=False)
    metaclasses = _bases(world, metaclass=True)
    alike = map(np.array_equal, (*bases, *metaclasses), (*world.bases, *world.metaclass_bases))
    if len(world.classes.low) and all(alike):
        return NONE
    world.bases, world.metaclass_bases = bases, metaclasses
    known = world.source.definitions
    classes = np.sort(world.definition(np.flatnonzero(known.is_class)))
    before = world.classes
    low, high, members = linearise(classes, bases[0], bases[1], world.heap.objects)
    found = Classes(low, high, members, bound.all())
    found.metaclass = _metaclasses(world, found, classes)
    found.slots, found.slot_keys = _slots(world, found, classes)
    found.made = np.unique(found.slots >> HALF)
    found.writers = classes[found.bearers(classes, constant(world.keys["__setattr__"], classes))[2]]
    number, _, member = found.order(classes)
    found.enums = np.unique(classes[number[world.heap.root.values[member] == world.enum_module]])
    found.cut = np.unique(classes[number[np.isin(member, with_too_many_bases(bases[0]))]])
    found.tuples = np.unique(classes[number[np.isin(member, world.tuple_types)]])
    world.classes = found
    return classes if not len(before.low) else _changed(before, found, classes)


def _changed(before: Classes, found: Classes, classes: Ints) -> Ints:
    """The classes whose orders or metaclasses differ."""
    length = found.high[classes] - found.low[classes]
    same = (before.high[classes] - before.low[classes] == length) & (
        before.metaclass[classes] == found.metaclass[classes]
    )
    alike = classes[same]
    number, _, member = found.order(alike)
    _, _, earlier = before.order(alike)
    differs = np.bincount(number, member != earlier, minlength=len(alike)) > 0
    return np.sort(np.concatenate([classes[~same], alike[differs]]))


def _bases(world: World, *, metaclass: bool) -> tuple[Ints, Ints, Ints]:
    """Classes and what they name as bases (or metaclass), in the order of the source, and the place."""
    source = world.source
    table = source.tables["cst_bases"]
    is_metaclass = rows_where(table, "keyword", "metaclass")
    plain = pc.is_null(table["keyword"]).to_numpy()
    rows = np.flatnonzero(is_metaclass if metaclass else plain)
    position = ints(table["pos"].combine_chunks().fill_null(0).to_numpy(zero_copy_only=False))[rows]
    definition = source.definitions.ids.find(table["def_id"])[rows]
    order = np.lexsort((position, definition))
    places = source.place["cst_bases", "place"][rows][order]
    which, objects = world.points.under(places)
    kept = world.heap.is_of(objects, Kind.CLASS, Kind.EXTERNAL)
    which, objects = which[kept], objects[kept]
    owners = world.definition(definition[order][which])
    sequence = np.lexsort((objects, which, owners))
    return owners[sequence], objects[sequence], places[which[sequence]]


def _metaclasses(world: World, found: Classes, classes: Ints) -> Ints:
    """A class's metaclass is the first that a class of its order names."""
    named = np.zeros(world.heap.objects, np.int64)
    owners, objects, _ = world.metaclass_bases
    own = world.heap.is_of(objects, Kind.CLASS)
    named[owners[own][::-1]] = objects[own][::-1]
    number, _rank, member = found.order(classes)
    has = named[member] > 0
    first, at = np.unique(number[has], return_index=True)
    metaclass = np.zeros(world.heap.objects, np.int64)
    metaclass[classes[first]] = named[member[has]][at]
    return metaclass


def _slots(world: World, found: Classes, classes: Ints) -> tuple[Ints, Ints]:
    """The attributes that dataclasses and typed named tuples set from arguments: annotated names, bases' first."""
    source = world.source
    made = source.definitions.dataclass[world.heap.first.values[classes]]
    marked = np.zeros(world.heap.objects, bool)
    marked[classes[made]] = True
    owners, bases, _ = world.bases
    marked[owners[np.isin(bases, world.tuple_types)]] = True
    number, rank, member = found.order(classes)
    heirs = np.zeros(len(classes), bool)
    heirs[number[marked[member]]] = True
    chosen = heirs[number] & marked[member]
    number, rank, member = number[chosen], rank[chosen], member[chosen]
    owner, key = _annotated(world)
    order = np.argsort(owner, kind="stable")
    low, high = np.searchsorted(owner[order], member), np.searchsorted(owner[order], member, "right")
    row, position = spread(low, high)
    if not len(row):
        return NONE, NONE
    at = order[position]
    heir, keys = classes[number[row]], key[at]
    sequence = np.lexsort((at, -rank[row], heir))
    heir, keys = heir[sequence], keys[sequence]
    _, first = np.unique(pack(heir, keys), return_index=True)
    first = np.sort(first)
    heir, keys = heir[first], keys[first]
    return pack(heir, np.arange(len(heir)) - np.searchsorted(heir, heir)), keys


def _annotated(world: World) -> tuple[Ints, Ints]:
    """The class and key of annotated class variables, in the order of the source."""
    source = world.source
    places = source.place["flow_annotations", "place"]
    position = np.zeros(len(source.places.values) + 1, np.int64)
    position[source.variables] = np.arange(1, len(source.variables) + 1)
    at = position[places]
    at = at[at > 0] - 1
    _, first = np.unique(at, return_index=True)
    at = at[np.sort(first)]
    of_class = source.definitions.is_class[source.scope_of_variable[at]]
    return world.definition(source.scope_of_variable[at[of_class]]), source.name_of_variable[at[of_class]]


def overridden(world: World) -> tuple[Ints, Ints]:
    """Methods and the methods that they override: the next of the name in their class's order. Definitions."""
    known = world.source.definitions
    methods = np.flatnonzero(known.is_function & known.is_class[known.container])
    classes = world.definition(known.container[methods])
    number, member, found = world.classes.bearers(classes, known.name[methods], classes)
    kept = found[number] & world.heap.is_of(member, Kind.CLASS)
    number, member = number[kept], member[kept]
    fields = world.heap.fields.find(pack(member, known.name[methods[number]]))
    which, objects = world.points.under(fields)
    functions = world.heap.is_of(objects, Kind.FUNCTION)
    which, objects = which[functions], objects[functions]
    other = world.heap.first.values[objects]
    own = known.container[other] == world.heap.first.values[member[which]]
    pairs = np.unique(pack(methods[number[which[own]]], other[own]))
    return pairs >> HALF, pairs & LOWER
