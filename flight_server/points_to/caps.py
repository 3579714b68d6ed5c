"""How many objects a place may hold: beyond that nothing useful is said, and the work would have no bound.

Places keep the objects that came first, of those that come in one step the ones with the lowest numbers: what is kept
does not depend on the order of files. A place that was offered more is saturated, and takes no more of that sort.
Places that annotations give a class of the repo take nothing external at all.
"""

import numpy as np

from flight_server.points_to.columns import HALF, LOWER, NONE, Growing, Ints
from flight_server.points_to.heap import Kind
from flight_server.points_to.world import World

MOST_DEFINED = 20
MOST_OTHERS = 6

_UNTYPED = (Kind.CONSTANT, Kind.PREFIX, Kind.EXTERNAL)
_OTHERS = (Kind.CONSTANT, Kind.PREFIX, Kind.EXTERNAL, Kind.CONTAINER)


class Caps:
    """Counts what places hold: definitions, instances and modules; apart from them constants, externals, containers."""

    def __init__(self) -> None:
        """Nothing is counted yet."""
        self.held = (Growing(1024), Growing(1024))

    def kept(self, world: World, codes: Ints) -> Ints:
        """Those of the new pairs of place and object that fit; sorted, each once."""
        new = world.points.missing(codes)
        places = new >> HALF
        typed = world.typed[np.where(places < len(world.typed), places, 0)]
        new = new[~(typed & world.heap.is_of(new & LOWER, *_UNTYPED))]
        if not len(new):
            return NONE
        for column in self.held:
            column.reach(world.heap.places)
        others = world.heap.is_of(new & LOWER, *_OTHERS)
        keep = np.ones(len(new), bool)
        for held, most, sort in zip(self.held, (MOST_DEFINED, MOST_OTHERS), (~others, others), strict=True):
            chosen = np.flatnonzero(sort)
            places = new[chosen] >> HALF
            rank = np.arange(len(places)) - np.searchsorted(places, places)
            fits = held.values[places] + rank < most
            keep[chosen[~fits]] = False
            world.saturate(places[~fits])
            held.values[places[~fits]] = most
            np.add.at(held.values, places[fits], 1)
        return new[keep]
