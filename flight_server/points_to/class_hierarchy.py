"""From the classes at the places of bases to the classes' orders, metaclasses, dataclass fields and overrides."""

from dataclasses import replace

import numpy as np
import pyarrow.compute as pc

from flight_server.points_to.class_orders import ClassOrders, linearise, with_too_many_bases
from flight_server.points_to.class_worlds import worlds
from flight_server.points_to.facts import where_equal
from flight_server.points_to.heap import Kind
from flight_server.points_to.integer_columns import HALF, LOWER, NONE, Ints, Mask, pack, ranges, where
from flight_server.points_to.interned_strings import flags
from flight_server.points_to.sorted_runs import PairSet
from flight_server.points_to.state import State


def order_classes(state: State, bound: PairSet) -> Ints:
    """Compute the orders of all classes from the bases found so far; returns the classes whose order has changed."""
    before, heap, defs = state.classes, state.heap, state.facts.definitions
    table = state.facts.tables["cst_bases"]
    found = (
        *_bases(state, flags(pc.is_null(table["keyword"]))),
        *_bases(state, where_equal(table, "keyword", "metaclass")),
    )
    same = (
        *(before.owners, before.bases, before.places),
        *(before.metaclass_owners, before.metaclass_bases, before.metaclass_places),
    )
    if len(before.low) and all(map(np.array_equal, found, same)):
        return NONE
    owners, bases, places, metaclass_owners, metaclass_bases, metaclass_places = found
    classes = np.sort(state.definition(np.flatnonzero(defs.is_class)))
    low, high, members = linearise(classes, owners, bases, heap.next_object)
    orders = ClassOrders.of(
        owners=owners,
        bases=bases,
        places=places,
        metaclass_owners=metaclass_owners,
        metaclass_bases=metaclass_bases,
        metaclass_places=metaclass_places,
        low=low,
        high=high,
        members=members,
        worlds=worlds(low, high, members, owners, bases, places),
        binds=bound.all(),
    )
    slots, slot_keys = _slots(state, orders, classes)
    number, _, member = orders.order(classes)

    def bearing(chosen: Mask) -> Ints:
        return np.unique(classes[number[chosen]])

    state.classes = replace(
        orders,
        metaclass=_metaclasses(state, orders, classes),
        slots=slots,
        slot_keys=slot_keys,
        made=np.unique(slots >> HALF),
        writers=classes[orders.bearers(classes, state.keys["__setattr__"])[2]],
        callables=classes[
            orders.bearers(classes, state.keys["__call__"])[2] | orders.bearers(classes, state.keys["__get__"])[2]
        ],
        enums=bearing(heap.root[member] == state.library.enum_module),
        tuples=bearing(np.isin(member, state.library.tuple_types)),
        dicts=bearing(np.isin(member, state.library.dict_types)),
        cut=bearing(np.isin(member, with_too_many_bases(owners))),
    )
    return classes if not len(before.low) else _changed(before, state.classes, classes)


def _changed(before: ClassOrders, found: ClassOrders, classes: Ints) -> Ints:
    """The classes whose orders or metaclasses differ."""
    same = before.high[classes] - before.low[classes] == found.high[classes] - found.low[classes]
    same &= before.metaclass[classes] == found.metaclass[classes]
    equally_long = classes[same]
    number, _, member = found.order(equally_long)
    earlier = before.order(equally_long)[2]
    differs = np.bincount(number, member != earlier, minlength=len(equally_long)) > 0
    return np.sort(np.concatenate([classes[~same], equally_long[differs]]))


def _bases(state: State, chosen: Mask) -> tuple[Ints, Ints, Ints]:
    """Classes, the objects at the places of their bases (or metaclass), and the places, in the order of the source."""
    facts = state.facts
    definition, position, places = where(
        chosen,
        facts.definitions.ids.find(facts.tables["cst_bases"]["def_id"]),
        facts.number("cst_bases", "pos"),
        facts.place["cst_bases", "place"],
    )
    order = np.lexsort((position, definition))
    which, objects = state.points.under(places[order])
    which, objects = where(state.heap.is_of(objects, Kind.CLASS, Kind.EXTERNAL), which, objects)
    owners = state.definition(definition[order][which])
    sequence = np.lexsort((objects, which, owners))
    return owners[sequence], objects[sequence], places[order][which[sequence]]


def _metaclasses(state: State, found: ClassOrders, classes: Ints) -> Ints:
    """The metaclass of each class: the first one that a class of its order names."""
    named, metaclass = np.zeros((2, state.heap.next_object), np.int64)
    own = state.heap.is_of(found.metaclass_bases, Kind.CLASS)
    named[found.metaclass_owners[own][::-1]] = found.metaclass_bases[own][::-1]
    number, _, member = found.order(classes)
    has = named[member] > 0
    first, at = np.unique(number[has], return_index=True)
    metaclass[classes[first]] = named[member[has]][at]
    return metaclass


def _slots(state: State, found: ClassOrders, classes: Ints) -> tuple[Ints, Ints]:
    """The attributes that dataclasses and typed named tuples set from arguments: annotated names, bases first."""
    marked = np.zeros(state.heap.next_object, bool)
    marked[classes[state.facts.definitions.dataclass[state.heap.first[classes]]]] = True
    marked[found.owners[np.isin(found.bases, state.library.tuple_types)]] = True
    number, rank, member = found.order(classes)
    heirs = np.zeros(len(classes), bool)
    heirs[number[marked[member]]] = True
    number, rank, member = where(heirs[number] & marked[member], number, rank, member)
    owner, key = _annotated(state)
    order = np.argsort(owner, kind="stable")
    row, position = ranges(owner[order], member)
    at = order[position]
    heir, keys = classes[number[row]], key[at]
    sequence = np.lexsort((at, -rank[row], heir))
    heir, keys = heir[sequence], keys[sequence]
    first = np.sort(np.unique(pack(heir, keys), return_index=True)[1])
    heir, keys = heir[first], keys[first]
    return pack(heir, np.arange(len(heir)) - np.searchsorted(heir, heir)), keys


def _annotated(state: State) -> tuple[Ints, Ints]:
    """The class and key of annotated class variables, in the order of the source."""
    facts = state.facts
    at = facts.by_place(facts.variables, np.arange(1, len(facts.variables) + 1))[
        facts.place["flow_annotations", "place"]
    ]
    at = at[at > 0] - 1
    at = at[np.sort(np.unique(at, return_index=True)[1])]
    at = at[facts.definitions.is_class[facts.scope_of_variable[at]]]
    return state.definition(facts.scope_of_variable[at]), facts.name_of_variable[at]


def overridden(state: State) -> tuple[Ints, Ints]:
    """The definitions of methods, and of the methods that they override: the next of the name in the class order."""
    defs, heap = state.facts.definitions, state.heap
    methods = np.flatnonzero(defs.is_function & defs.is_class[defs.container])
    classes = state.definition(defs.container[methods])
    number, member, found = state.classes.bearers(classes, defs.name[methods], classes)
    number, member = where(found[number] & heap.is_of(member, Kind.CLASS), number, member)
    which, objects = state.points.under(heap.fields.find(pack(member, defs.name[methods[number]])))
    which, objects = where(heap.is_of(objects, Kind.FUNCTION), which, objects)
    other = heap.first[objects]
    own = defs.container[other] == heap.first[member[which]]
    pairs = np.unique(pack(methods[number[which[own]]], other[own]))
    return pairs >> HALF, pairs & LOWER
