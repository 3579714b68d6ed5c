"""Receivers of which nothing is known: their classes by the attributes that are read from them.

``def area(shape): return shape.width() * shape.height()``: if one class of the repo has both names, ``shape`` may be an
instance of it. The base class stands for its subclasses. Names that values of builtin types have say nothing.
"""

import numpy as np

from flight_server.points_to.fact_families import Family
from flight_server.points_to.heap import Kind, Shape
from flight_server.points_to.integer_columns import HALF, LOWER, Ints, Mask, distinct, is_in, pack, ranges, where
from flight_server.points_to.overrides import load_from_classes
from flight_server.points_to.state import State

MOST_CLASSES = 1  # that have all the names, and no base that has them too
MOST_CANDIDATES = 32  # classes that have the rarest of the names


def load_by_names(state: State) -> None:
    """Load the attributes of receivers of which nothing is known from the classes that have all the names."""
    bases, keys, _, _ = state.families.rows[Family.ATTRIBUTE_LOAD].all()
    read = distinct(pack(*where(bases <= state.facts.last_place, bases, keys)))
    read = read[_is_unknown(state, read >> HALF)]
    by_builtins = distinct(state.library.value_attributes & LOWER)
    told = distinct((read >> HALF)[~is_in(read & LOWER, by_builtins)])
    read = read[is_in(read >> HALF, told)]
    has = _attributes(state, distinct(read & LOWER))
    places, classes = _candidates(read, has)
    places, classes = where(_have_all(places, classes, read, has), places, classes)
    places, classes = where(~_have_candidates_above(state, places, classes), places, classes)
    few = np.bincount(places, minlength=state.facts.last_place + 1)[places] <= MOST_CLASSES
    places, classes = where(few, places, classes)
    order = np.argsort(places, kind="stable")
    which, position = ranges(places[order], bases)
    load_from_classes(state, which, classes[order[position]], np.zeros(len(which), bool))


def _is_unknown(state: State, places: Ints) -> Mask:
    """Which places hold nothing but ``None``."""
    heap = state.heap
    which, objects = state.points.under(places)
    is_none = heap.is_of(objects, Kind.CONSTANT) & (heap.first[objects] == Shape.NONE)
    unknown = np.ones(len(places), bool)
    unknown[which[~is_none]] = False
    return unknown


def _attributes(state: State, keys: Ints) -> Ints:
    """The packed (key, class) of the attributes that classes bind or their methods set, inherited ones too, sorted."""
    classes = np.flatnonzero(state.classes.high > state.classes.low)
    number, _, member = state.classes.order(classes)
    own = np.concatenate([state.classes.binds, state.assigned])
    own = distinct(own[is_in(own & LOWER, keys)])
    row, position = ranges(own >> HALF, member)
    return distinct(pack(own[position] & LOWER, classes[number[row]]))


def _candidates(read: Ints, has: Ints) -> tuple[Ints, Ints]:
    """The classes that have the rarest name of each place, as rows: the place, and the class."""
    places, keys = read >> HALF, read & LOWER
    counts = (has >> HALF).searchsorted(keys, "right") - (has >> HALF).searchsorted(keys)
    order = np.lexsort((keys, counts, places))
    rarest = order[np.unique(places[order], return_index=True)[1]]
    rarest = rarest[counts[rarest] <= MOST_CANDIDATES]
    row, position = ranges(has >> HALF, keys[rarest])
    return places[rarest][row], has[position] & LOWER


def _have_all(places: Ints, classes: Ints, read: Ints, has: Ints) -> Mask:
    """Which of the classes have every name that is read from the place."""
    row, position = ranges(read >> HALF, places)
    lacks = ~is_in(pack(read[position] & LOWER, classes[row]), has)
    mask: Mask = np.bincount(row[lacks], minlength=len(places)) == 0
    return mask


def _have_candidates_above(state: State, places: Ints, classes: Ints) -> Mask:
    """Which of the classes have a base that is a candidate for the same place."""
    number, rank, member = state.classes.order(classes)
    above = (rank > 0) & is_in(pack(places[number], member), np.sort(pack(places, classes)))
    mask: Mask = np.bincount(number[above], minlength=len(places)) > 0
    return mask
