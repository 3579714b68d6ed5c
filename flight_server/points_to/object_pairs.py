"""Rules that derive objects from one object (wrappers, instances, types, modules), or from a pair at two places."""

import numpy as np
import pyarrow.compute as pc

from flight_server.points_to.attributes import lookup, store_attributes
from flight_server.points_to.fact_families import Family, Include, Operation
from flight_server.points_to.field_keys import DICT_KEYS, EVERY, SOME
from flight_server.points_to.heap import Kind
from flight_server.points_to.integer_columns import LOWER, Ints, constant, pack, ranges, spread, where
from flight_server.points_to.items import include_items, load_items, store_items
from flight_server.points_to.state import State


def make_instances(state: State, objects: Ints, targets: Ints) -> None:
    """Put instances of the classes at the targets."""
    classes, targets = where(state.heap.is_of(objects, Kind.CLASS), objects, targets)
    state.put(targets, state.heap.object(Kind.INSTANCE, classes))


def classes_of(state: State, objects: Ints, targets: Ints) -> None:
    """Put the classes whose metaclass is among the objects at the targets."""
    classes = np.flatnonzero(state.classes.metaclass)
    metaclasses = state.classes.metaclass[classes]
    order = np.argsort(metaclasses, kind="stable")
    which, position = ranges(metaclasses[order], objects)
    state.put(targets[which], classes[order[position]])


def imported(state: State, objects: Ints, targets: Ints) -> None:
    """Put the modules that texts name at the targets; of a text with a known prefix, all modules with that prefix."""
    heap = state.heap
    texts = np.where(heap.is_of(objects, Kind.CONSTANT), heap.second[objects], 0)
    dotted = pc.utf8_slice_codeunits(state.keys.all.of(texts), len("['"), -1)
    facts = state.facts
    files = facts.places.files[np.where(targets <= facts.last_place, targets, 0)]
    which, modules = state.modules.meant(files, dotted)
    state.put(targets[which], modules)
    prefixes, targets = where(heap.is_of(objects, Kind.PREFIX), objects, targets)
    which, modules = state.modules.between(heap.first[prefixes], heap.second[prefixes])
    state.put(targets[which], modules)


def type_of(state: State, objects: Ints, targets: Ints) -> None:
    """Put the classes of the instances at the targets."""
    instances, targets = where(state.heap.is_of(objects, Kind.INSTANCE), objects, targets)
    state.put(targets, state.heap.first[instances])


def wrap(state: State, objects: Ints, kinds: Ints, targets: Ints) -> None:
    """Put wrappers of callables at the targets: properties, static methods and so on."""
    heap = state.heap
    is_callable = heap.is_of(objects, Kind.FUNCTION, Kind.INSTANCE, Kind.METHOD, Kind.PARTIAL)
    is_callable |= heap.is_of(objects, Kind.CLASS, Kind.EXTERNAL) & (kinds == Kind.FACTORY)
    for kind in (Kind.PROPERTY, Kind.SETTER, Kind.STATIC, Kind.CLASS_METHOD, Kind.FACTORY, Kind.DISPATCH):
        chosen = is_callable & (kinds == kind)
        state.put(targets[chosen], heap.object(kind, objects[chosen]))


def partial(state: State, objects: Ints, sites: Ints, targets: Ints, kinds: Ints) -> None:
    """Put partials at the targets: of functions, classes and instances, and of partials of these, but not deeper.

    So the number of partials is bounded.
    """
    heap = state.heap
    inner = np.where(heap.is_of(objects, Kind.PARTIAL), heap.first[objects], objects)
    bounded = heap.is_of(inner, Kind.FUNCTION, Kind.METHOD, Kind.CLASS, Kind.INSTANCE)
    for kind in (Kind.PARTIAL, Kind.PARTIAL_METHOD):
        chosen = bounded & (kinds == kind)
        state.put(targets[chosen], heap.object(kind, objects[chosen], sites[chosen]))


def pair(state: State, objects: Ints, others: Ints, targets: Ints, operations: Ints) -> None:
    """Combine new objects at the first place with all objects at the other."""
    which, second = state.points.under(others)
    combine(state, objects[which], second, targets[which], operations[which])


def pair_back(state: State, objects: Ints, bases: Ints, targets: Ints, operations: Ints) -> None:
    """Combine new objects at the other place with all objects at the first."""
    which, first = state.points.under(bases)
    combine(state, first, objects[which], targets[which], operations[which])


def combine(state: State, bases: Ints, others: Ints, targets: Ints, operations: Ints) -> None:
    """Apply operations to pairs of objects."""
    heap = state.heap
    is_text = heap.is_of(others, Kind.CONSTANT) & (heap.second[others] > 0)
    keys = np.where(is_text, heap.second[others], 0)
    names = state.keys.name_of[keys]
    chosen = (operations == Operation.SUPER) & heap.is_of(bases, Kind.INSTANCE, Kind.CLASS)
    chosen &= heap.is_of(others, Kind.CLASS)
    state.put(targets[chosen], heap.object(Kind.SUPER, others[chosen], bases[chosen]))
    for operation, rule in ((Operation.ITEM_LOAD, load_items), (Operation.ITEM_STORE, store_items)):
        rule(state, *where((operations == operation) & (keys > 0), bases, keys, targets))
    chosen = (operations == Operation.ITEM_STORE) & heap.is_of(bases, Kind.CONTAINER)
    state.put(heap.field(bases[chosen], state.keys[DICT_KEYS]), others[chosen])
    chosen = (operations == Operation.ATTRIBUTE_LOAD) & (names > 0)
    chosen &= ~heap.is_of(bases, Kind.EXTERNAL) | (heap.depth[bases] == 1)  # deeper, a text rarely names an attribute
    chosen &= names != state.keys["__class__"]  # proxies read it by text, which would give the classes of all targets
    holders, attributes, readers = where(chosen, bases, names, targets)
    lookup(state, holders, attributes, readers, implicit=0)
    prefixes = (operations == Operation.ATTRIBUTE_LOAD) & heap.is_of(others, Kind.PREFIX)
    prefixes &= heap.is_of(bases, Kind.INSTANCE, Kind.CLASS, Kind.MODULE)
    if prefixes.any():
        _load_prefixed(state, *where(prefixes, bases, others, targets))
    store_attributes(state, *where((operations == Operation.ATTRIBUTE_STORE) & (names > 0), bases, names, targets))
    chosen = (operations == Operation.BIND) & heap.is_of(bases, Kind.FUNCTION)
    chosen &= heap.is_of(others, Kind.INSTANCE, Kind.CLASS)
    state.put(targets[chosen], heap.object(Kind.METHOD, bases[chosen], others[chosen]))
    chosen = (operations == Operation.UPDATE) & heap.is_of(others, Kind.CONTAINER, Kind.INSTANCE, Kind.NAMESPACE)
    include_items(state, bases[chosen], others[chosen], constant(Include.SAME, others[chosen]))


def _load_prefixed(state: State, bases: Ints, prefixes: Ints, targets: Ints) -> None:
    """Load all attributes that classes or modules bind under names with a known prefix."""
    heap = state.heap
    of_instance, of_module = heap.is_of(bases, Kind.INSTANCE), heap.is_of(bases, Kind.MODULE)
    number, _, holder = state.classes.order(np.where(of_instance, heap.first[bases], bases))
    number = np.concatenate([number, np.flatnonzero(of_module)])
    holder = np.concatenate([holder, bases[of_module]])
    first, behind = heap.first[prefixes[number]], heap.second[prefixes[number]]
    binds = state.classes.binds
    which, position = spread(binds.searchsorted(pack(holder, first)), binds.searchsorted(pack(holder, behind)))
    at = number[which]
    lookup(state, bases[at], binds[position] & LOWER, targets[at], implicit=0)


def unknown_keys(state: State) -> None:
    """Let unknown subscripts mean any item."""
    rows = state.families.rows[Family.PAIR].all()
    for operation, rule, key in (
        (Operation.ITEM_LOAD, load_items, state.keys[EVERY]),
        (Operation.ITEM_STORE, store_items, state.keys[SOME]),
    ):
        bases, subscripts, targets = where(rows[3] == operation, *rows[:3])
        which, others = state.points.under(subscripts)
        unknown = np.ones(len(bases), bool)
        unknown[which[state.heap.is_of(others, Kind.CONSTANT) & (state.heap.second[others] > 0)]] = False
        bases, targets = where(unknown, bases, targets)
        which, objects = state.points.under(bases)
        rule(state, objects, constant(key, objects), targets[which])
