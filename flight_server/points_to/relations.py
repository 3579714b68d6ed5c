"""The facts as rows of integers, family by family, each sorted by the place at whose objects its rule looks.

Families grow while the rules run: what a model of a library function does is written down as further facts.
"""

from enum import IntEnum

import numpy as np

from flight_server.points_to.columns import NONE, Growing, Ints, spread


class Family(IntEnum):
    """What is done with the objects of a place, the first column; then the columns of its rows."""

    ATTRIBUTE_LOAD = 0  # base, key, dst, implicit
    ATTRIBUTE_STORE = 1  # base, key, src
    ITEM_LOAD = 2  # base, key, dst
    ITEM_STORE = 3  # base, key, src
    ELEMENT_LOAD = 4  # base, dst
    YIELD_LOAD = 5  # base, dst
    CALL = 6  # callee, site, result
    ANNOTATION = 7  # place of the annotation, annotated place
    PAIR = 8  # base, other, dst, Together: what is done with objects of two places
    PAIR_BACK = 9  # other, base, dst, Together
    INCLUDE = 10  # base, container that gets the items, mode
    WRAP = 11  # base, kind of the wrapper, dst
    TYPE = 12  # base, dst
    MAKE = 13  # base, dst: instances of the classes
    PARTIAL = 14  # base, site, dst, kind
    DESCRIPTOR_STORE = 15  # attribute of a class, instance, src
    DESCRIPTOR_LOAD = 16  # __get__ of a class, descriptor, instance or class, dst
    DESCRIPTOR_SET = 17  # __set__ of a class, descriptor, instance, src
    NEW = 18  # __new__ of a class, class, site, result
    CONSTRUCT = 19  # base, site, result
    CLASSES = 20  # base, dst: classes whose metaclass it is
    IMPORTED = 21  # base, dst: modules that it names
    FACTORY = 22  # attribute of a class, site, field of the instance
    RETURN_LOAD = 24  # base, dst: what generators return
    SEND = 25  # base, src: what generators are sent
    REGISTER = 26  # base, what ``f.register`` is, dst
    CONTAINERS = 27  # base, dst: the containers there
    NAMED = 23  # attribute of a class, site of the class statement


class Together(IntEnum):
    """What is done with an object of one place and an object of another."""

    SUPER = 0  # base: instance or class; other: class
    ITEM_LOAD = 1  # base: container; other: key
    ITEM_STORE = 2
    ATTRIBUTE_LOAD = 3  # base: any; other: a constant that spells the attribute
    ATTRIBUTE_STORE = 4
    UPDATE = 5  # base: container with the items; other: container that gets them
    BIND = 6  # base: function; other: what it is bound to


class Include(IntEnum):
    """How items come from container to container; from ``FROM`` on: as elements, ``mode - FROM`` positions forward."""

    SAME = 0  # with their keys
    ELEMENTS = 1  # as iteration gives them, at unknown positions
    VALUES = 2  # a dictionary's values, at unknown positions
    FROM = 3


WIDTHS = {
    Family.ATTRIBUTE_LOAD: 4,
    Family.ATTRIBUTE_STORE: 3,
    Family.ITEM_LOAD: 3,
    Family.ITEM_STORE: 3,
    Family.ELEMENT_LOAD: 2,
    Family.YIELD_LOAD: 2,
    Family.CALL: 3,
    Family.ANNOTATION: 2,
    Family.PAIR: 4,
    Family.PAIR_BACK: 4,
    Family.INCLUDE: 3,
    Family.WRAP: 3,
    Family.TYPE: 2,
    Family.MAKE: 2,
    Family.PARTIAL: 4,
    Family.DESCRIPTOR_STORE: 3,
    Family.DESCRIPTOR_LOAD: 4,
    Family.DESCRIPTOR_SET: 4,
    Family.NEW: 4,
    Family.CONSTRUCT: 3,
    Family.CLASSES: 2,
    Family.IMPORTED: 2,
    Family.FACTORY: 3,
    Family.NAMED: 2,
    Family.CONTAINERS: 2,
    Family.REGISTER: 3,
    Family.RETURN_LOAD: 2,
    Family.SEND: 2,
}


class Rows:
    """Rows sorted by their first column, and later ones in a second run."""

    def __init__(self, width: int) -> None:
        """Start empty."""
        self.width = width
        self._runs = [np.empty((0, width), np.int64), np.empty((0, width), np.int64)]

    def append(self, rows: Ints) -> None:
        """Put rows in; those without a place are left out."""
        rows = rows[rows[:, 0] > 0]
        large, small = self._runs
        small = _sorted(np.concatenate([small, rows]))
        if len(small) > max(1024, len(large) >> 3):
            large, small = _sorted(np.concatenate([large, small])), small[:0]
        self._runs = [large, small]

    def under(self, places: Ints) -> tuple[Ints, Ints]:
        """The rows at these places: the position in ``places``, and the row."""
        which, found = [], []
        for run in self._runs:
            if len(run):
                first = run[:, 0]
                number, position = spread(first.searchsorted(places), first.searchsorted(places, "right"))
                which.append(number)
                found.append(run[position])
        if not found:
            return NONE, np.empty((0, self.width), np.int64)
        return np.concatenate(which), np.concatenate(found)

    def all(self) -> Ints:
        """All rows."""
        return np.concatenate(self._runs)


class Relations:
    """The families' rows, and for each place a bit for each family that has rows there."""

    def __init__(self, places: int) -> None:
        """Start empty, for so many places."""
        self.rows = {family: Rows(width) for family, width in WIDTHS.items()}
        self._bits = Growing(places)

    def append(self, family: Family, rows: Ints) -> None:
        """Put rows into a family."""
        if len(rows):
            self.rows[family].append(rows)
            self._bits.reach(int(rows[:, 0].max()) + 1)
            np.bitwise_or.at(self._bits.values, rows[:, 0], 1 << family)

    def bits(self, places: Ints) -> Ints:
        """The families that have rows at each place, as bits."""
        self._bits.reach(int(places.max()) + 1 if len(places) else 0)
        return self._bits.values[places]


def _sorted(rows: Ints) -> Ints:
    return rows[np.argsort(rows[:, 0], kind="stable")]
