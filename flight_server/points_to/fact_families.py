"""Facts as rows of integers, one table for each family, sorted by the place whose objects the family's rule reads.

Families grow while the rules run: the model of a library function adds facts at the call sites that reach it.
"""

from enum import IntEnum
from typing import Self

import numpy as np

from flight_server.points_to.integer_columns import GrowingColumn, Ints
from flight_server.points_to.sorted_runs import FactRows


class Family(IntEnum):
    """A use of the objects at a place. The text names the columns: that place, then the operands of the rule."""

    width: int

    def __new__(cls, columns: str) -> Self:
        """Families are numbered in the order in which they are written here."""
        made = int.__new__(cls, len(cls.__members__))
        made._value_ = len(cls.__members__)
        made.width = len(columns.split())
        return made

    ATTRIBUTE_LOAD = "base key target implicit"
    ATTRIBUTE_STORE = "base key source"
    ITEM_LOAD = "base key target"
    ITEM_STORE = "base key source"
    ELEMENT_LOAD = "base target"
    YIELD_LOAD = "base target"
    CALL = "callee site result"
    ANNOTATION = "annotation annotated"
    PAIR = "base other target operation"
    PAIR_BACK = "other base target operation"
    INCLUDE = "base container mode"
    WRAP = "base kind_of_wrapper target"
    TYPE = "base target"  # the classes of the instances
    MAKE = "base target"  # instances of the classes
    PARTIAL = "base site target kind"
    DESCRIPTOR_STORE = "attribute_of_class instance source"
    DESCRIPTOR_LOAD = "__get__ descriptor instance_or_class target"
    DESCRIPTOR_SET = "__set__ descriptor instance source"
    NEW = "__new__ class site result"
    CONSTRUCT = "base site result"
    CLASSES = "base target"  # the classes whose metaclass is at the base
    IMPORTED = "base target"  # the modules that a text at the base names
    FACTORY = "attribute_of_class site field_of_instance"
    NAMED = "attribute_of_class site_of_class_statement"
    CONTAINERS = "base target"  # the containers themselves
    REGISTER = "base registering_step target"
    RETURN_LOAD = "base target"  # the return values of generators
    SEND = "base source"  # to generators


class Operation(IntEnum):
    """The use of an object at one place together with an object at another."""

    SUPER = 0  # base: instance or class; other: class
    ITEM_LOAD = 1  # base: container; other: key
    ITEM_STORE = 2
    ATTRIBUTE_LOAD = 3  # base: any; other: a constant that spells the attribute
    ATTRIBUTE_STORE = 4
    UPDATE = 5  # base: container with the items; other: container that gets them
    BIND = 6  # base: function; other: the object to bind it to


class Include(IntEnum):
    """How items are copied between containers. ``FROM`` + n: as elements, moved n positions towards the start."""

    SAME = 0  # with their keys
    ELEMENTS = 1  # as iteration gives them, at unknown positions
    VALUES = 2  # a dictionary's values, at unknown positions
    FROM = 3


class FactStore:
    """The rows of all families, and for each place a bit set of the families that have rows there."""

    def __init__(self, places: int) -> None:
        """Start empty, for this number of places."""
        self.rows = {family: FactRows(family.width) for family in Family}
        self._bits = GrowingColumn(places)

    def append(self, family: Family, columns: Ints) -> None:
        """Add rows to a family."""
        self.rows[family].append(*columns)
        self._bits.reach(int(columns[0].max(initial=0)) + 1)
        np.bitwise_or.at(self._bits.values, columns[0], 1 << family)

    def bits(self, places: Ints) -> Ints:
        """The families that have rows at each place, as bits."""
        self._bits.reach(int(places.max(initial=0)) + 1)
        return self._bits[places]
