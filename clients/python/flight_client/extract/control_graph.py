"""The control flow graph of one owner, made by linking ways.

A way is a way out of a point that is not linked yet: the point, and the kind that its edge will have. Code takes the
ways that lead into it and gives the ways that lead out. A jump (return, break, continue, raise) gives none: its ways
go to the innermost region that takes such jumps. A loop takes break and continue, handlers take raise, a cleanup
(``finally``) takes all of them and, once its own code is there, sends on from its end what it has taken.

Code without a way into it can't run: its points get no edges at all.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal

PointKind = Literal["entry", "exit", "stmt", "test", "iter", "handler", "finally"]
EdgeKind = Literal["next", "true", "false", "exc"]
Jump = Literal["return", "break", "continue", "raise"]
Way = tuple[int, EdgeKind]
Ways = list[Way]
Region = dict[Jump, Ways]

JUMPS: tuple[Jump, ...] = ("return", "break", "continue", "raise")


def loop() -> Region:
    """A region that takes break and continue."""
    return {"break": [], "continue": []}


def handlers() -> Region:
    """A region whose exceptions are looked at."""
    return {"raise": []}


def cleanup() -> Region:
    """A region that nothing leaves but through its cleanup; also an owner's whole code, whose jumps end at its exit."""
    return {jump: [] for jump in JUMPS}


def raised(ways: Iterable[Way]) -> Ways:
    """Ways that an exception takes; what a test decides keeps its kind."""
    return [(point, "exc" if kind == "next" else kind) for point, kind in ways]


@dataclass(slots=True)
class ControlGraph:
    """Edges between points, which are numbers (the entry is 0), and the regions around the code that comes next."""

    size: int = 1
    edges: set[tuple[int, int, EdgeKind]] = field(default_factory=set)
    regions: list[Region] = field(default_factory=lambda: [cleanup()])

    def point(self, ways: Ways, *, may_raise: bool = False) -> Ways:
        """Add a point that the ways lead to; gives the way on from it, none if it can't be reached.

        An exception that nothing in the owner takes has no edge, so that not every point is a branch.
        """
        point = self.size
        self.size += 1
        if not ways:
            return []
        self.link(ways, point)
        if may_raise:
            region = self._taking("raise")
            if region is not self.regions[0]:
                region["raise"].append((point, "exc"))
        return [(point, "next")]

    def link(self, ways: Iterable[Way], point: int) -> None:
        """Edges to a point that exists."""
        self.edges.update([(source, point, kind) for source, kind in ways])

    def jump(self, ways: Ways, jump: Jump) -> None:
        """Send ways to the innermost region that takes the jump, the owner's own code at last."""
        self._taking(jump)[jump] += raised(ways) if jump == "raise" else ways

    def leave(self, region: Region, ways: Ways, ends: Ways, *, swallows: bool = False) -> Ways:
        """Send on what a cleanup has taken, from the ends of its code; gives the ways to what follows.

        ``ways`` came to the cleanup from the end of the region; if it ``swallows`` exceptions, these may follow too.
        """
        for jump, taken in region.items():
            if taken:
                self.jump(ends, jump)
        return ends if ways or (swallows and region["raise"]) else []

    def _taking(self, jump: Jump) -> Region:
        return next(region for region in reversed(self.regions) if jump in region)
