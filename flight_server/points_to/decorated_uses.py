"""What a decorator gives each of its uses: what this use gave it, or something that it makes.

Where several uses share the decorator's body, it would also return what each of the others was given.
"""

from dataclasses import dataclass

import numpy as np

from flight_server.points_to.facts import Facts
from flight_server.points_to.heap import Heap, Kind
from flight_server.points_to.integer_columns import Ints, Mask


@dataclass(frozen=True)
class DecoratedUses:
    """``given`` has the definition that is given to the decorator whose result is at a place.

    ``is_given`` marks the definitions outside of functions that are decorated.
    """

    given: Ints
    is_given: Mask

    @classmethod
    def of(cls, facts: Facts) -> "DecoratedUses":
        """The uses in a repo's facts."""
        sites, outer = facts.sites, facts.definitions.container
        is_given = np.zeros(len(outer), bool)
        is_given[sites.decorated] = True
        is_given &= ~facts.definitions.is_function[outer] & (np.arange(len(outer)) > 0)
        return cls(facts.by_place(sites.result[sites.decorates], sites.decorated[sites.decorates]), is_given)

    def others(self, heap: Heap, places: Ints, objects: Ints) -> Mask:
        """Which objects come to a place of a use from another one: definitions that are decorated elsewhere."""
        own = self.given[np.where(places < len(self.given), places, 0)]
        given = np.where(heap.is_of(objects, Kind.FUNCTION, Kind.CLASS), heap.first[objects], 0)
        mask: Mask = (own > 0) & (given != own) & self.is_given[given]
        return mask
