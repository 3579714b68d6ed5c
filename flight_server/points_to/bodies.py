"""Bodies: the facts of each function's own code, and the copies of them that contexts get.

A row belongs to the innermost of the definitions whose places it names, so a closure that reads a variable of the
function around it belongs to the closure. The code of classes and modules has no contexts.
"""

from collections.abc import Mapping
from enum import Enum
from types import MappingProxyType
from typing import TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from flight_server.points_to.fact_families import Family
from flight_server.points_to.facts import Facts
from flight_server.points_to.integer_columns import Ints, pack
from flight_server.points_to.interned_strings import flags
from flight_server.points_to.sorted_runs import FactRows, PairSet


class Basic(Enum):
    """Facts that belong to no family. The text names their columns, as in ``Family``."""

    COPY = "target source"
    OBJECT = "place object"
    IMPORT = "place"  # which holds in each context what it holds outside

    @property
    def width(self) -> int:
        """The number of columns."""
        return len(self.value.split())


Rows: TypeAlias = Basic | Family
PLACES: Mapping[Rows, tuple[int, ...]] = MappingProxyType(
    {
        Basic.COPY: (0, 1),
        Basic.OBJECT: (0,),
        Basic.IMPORT: (0,),
        Family.ATTRIBUTE_LOAD: (0, 2),
        Family.ATTRIBUTE_STORE: (0, 2),
        Family.ITEM_LOAD: (0, 2),
        Family.ITEM_STORE: (0, 2),
        Family.ELEMENT_LOAD: (0, 1),
        Family.YIELD_LOAD: (0, 1),
        Family.RETURN_LOAD: (0, 1),
        Family.CALL: (0, 2),
        Family.ANNOTATION: (0, 1),
        Family.PAIR: (0, 1, 2),
    }
)  # the columns that have places


class Bodies:
    """The rows of the source by the function whose code they belong to, and the (function, context) that have copies.

    ``owner`` has, by place, the definition whose code uses it. ``captured`` marks functions whose places nested code
    uses, ``exposed`` functions around a class. ``variables`` has the packed (function, variable).
    """

    def __init__(self, facts: Facts) -> None:
        """Start without rows."""
        defs = facts.definitions
        self.depth, self.is_function = defs.depth(), defs.is_function
        self.owner = defs.executing(_owners(facts))
        self.captured, self.exposed = np.zeros((2, len(defs.container)), bool)
        self.rows = {kind: FactRows(1 + kind.width) for kind in PLACES}
        self.entered, self.variables = PairSet(), PairSet()
        scopes = facts.scope_of_variable
        self.variables.add(pack(scopes, facts.variables)[defs.is_function[scopes]])
        around = defs.container[defs.is_class]
        while around.any():
            self.exposed[around] = True
            around = defs.container[around]

    def record(self, kind: Rows, *columns: Ints) -> None:
        """Record rows of the source."""
        owners = self.owner[np.stack([columns[at] for at in PLACES[kind]])]
        deepest = owners[self.depth[owners].argmax(axis=0), np.arange(owners.shape[1])]
        self.captured[owners[owners != deepest]] = True
        self.rows[kind].append(np.where(self.is_function[deepest], deepest, 0), *columns)

    def sizes(self) -> Ints:
        """The number of rows in each definition's code."""
        sizes = np.zeros(len(self.depth), np.int64)
        for rows in self.rows.values():
            sizes += np.bincount(rows.all()[0], minlength=len(sizes))
        return sizes


def _owners(facts: Facts) -> Ints:
    """By place of the source: the definition whose variable, temporary or result it is."""
    defs, texts = facts.definitions, facts.places.values
    owners = facts.by_place(facts.variables, facts.scope_of_variable)
    for ends in (defs.returns, defs.yields, defs.sent):
        owners[ends] = np.arange(len(ends))
    temporary = np.flatnonzero(flags(pc.starts_with(texts, "x:")))
    named = pc.utf8_slice_codeunits(texts.take(pa.array(temporary)), len("x:"))
    split = pc.split_pattern(named, ":", max_splits=1, reverse=True)
    owners[temporary + 1] = defs.ids.find(pc.list_element(split, 0))
    owners[0] = 0
    return owners
