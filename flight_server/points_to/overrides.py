"""Overrides: an attribute that is read from an instance of a class may be that of one of its subclasses.

The analysis knows the classes of the instances that it saw. A library's own users create others, so that a receiver
may be an instance of any subclass, and ``self`` an instance of the class whose method it is the parameter of. What
those classes have under the name joins the objects at the read, bound to an instance of the class that has it.
"""

import numpy as np

from flight_server.points_to.fact_families import Family
from flight_server.points_to.heap import Kind
from flight_server.points_to.integer_columns import (
    HALF,
    LOWER,
    Ints,
    Mask,
    distinct,
    is_in,
    numbered,
    pack,
    ranges,
    where,
)
from flight_server.points_to.sorted_runs import PairNumbers
from flight_server.points_to.state import State


def load_overrides(state: State) -> None:
    """Load the attributes of the receivers' subclasses."""
    load_from_classes(state, *_receivers(state, state.families.rows[Family.ATTRIBUTE_LOAD].all()[0]))


def load_from_classes(state: State, which: Ints, classes: Ints, is_known: Mask) -> None:
    """For attribute loads (``which``: rows of the family) load what classes and their subclasses have.

    Where the class is known to be at the load's base, its own attribute has been loaded already.
    """
    heap = state.heap
    _, keys, targets, implicit = state.families.rows[Family.ATTRIBUTE_LOAD].all()
    bound = _first_binders(state, distinct(keys[which]))
    asked, query = numbered(pack(classes, keys[which]))
    number, holders = _overriding(state, bound, asked)
    row, position = ranges(number, query)
    which, holders = which[row], holders[position]
    is_new = ~is_known[row] | (holders != bound.find(asked)[query[row]])
    which, holders = where(is_new, which, holders)
    fields, instances = heap.fields.find(pack(holders, keys[which])), heap.object(Kind.INSTANCE, holders)
    reads = heap.read(instances, keys[which], implicit=implicit[which] > 0)
    state.copy(heap.view(reads, instances, binds=True), fields)
    state.copy(targets[which], reads)


def _receivers(state: State, places: Ints) -> tuple[Ints, Ints, Mask]:
    """The classes whose instances places may hold, as rows: the position in ``places``, the class, is it known.

    Beside those of the instances that are known to be there, the first parameter of a method may hold an instance of
    the method's class.
    """
    heap, defs = state.heap, state.facts.definitions
    which, objects = state.points.under(places)
    which, objects = where(heap.is_of(objects, Kind.INSTANCE), which, objects)
    known = distinct(pack(which, heap.first[objects]))
    methods = np.flatnonzero(defs.is_function & defs.is_class[defs.container] & ~defs.static & ~defs.class_method)
    owner = state.facts.by_place(state.parameters.at(methods, 0), state.definition(defs.container[methods]))
    own = owner[np.where(places < len(owner), places, 0)]
    at = np.flatnonzero(own)
    assumed = pack(at, own[at])
    assumed = assumed[~is_in(assumed, known)]
    rows = np.concatenate([known, assumed])
    return rows >> HALF, rows & LOWER, np.arange(len(rows)) < len(known)


def _first_binders(state: State, keys: Ints) -> PairNumbers:
    """For each packed (class, key): the class of its order that binds the key first."""
    orders = state.classes
    classes = np.flatnonzero(orders.high > orders.low)
    number, rank, member = orders.order(classes)
    binds = orders.binds[is_in(orders.binds & LOWER, keys)]
    row, position = ranges(binds >> HALF, member)
    codes = pack(classes[number[row]], binds[position] & LOWER)
    sequence = np.lexsort((rank[row], codes))
    codes, first = np.unique(codes[sequence], return_index=True)
    found = PairNumbers()
    found.put(codes, member[row][sequence][first])
    return found


def _overriding(state: State, bound: PairNumbers, asked: Ints) -> tuple[Ints, Ints]:
    """The classes that the attribute may come from, as rows: the position in ``asked``, and the class.

    ``asked`` are packed (class, key); their own class counts as its own subclass.
    """
    orders = state.classes
    classes = np.flatnonzero(orders.high > orders.low)
    number, _, member = orders.order(classes)
    order = np.argsort(member, kind="stable")
    which, position = ranges(member[order], asked >> HALF)
    below = classes[number[order[position]]]
    holders = bound.find(pack(below, asked[which] & LOWER))
    rows = distinct(pack(which, holders)[holders > 0])
    return rows >> HALF, rows & LOWER
