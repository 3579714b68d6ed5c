"""The control flow graph of one owner (a module, class body, function, lambda or comprehension), made by linking ways.

A way is an edge that has no target yet: the point it leaves, and its kind. Code takes the ways that lead into it and
gives the ways that lead out. A jump (return, break, continue, raise) gives none: its ways go to the innermost region
that takes such jumps. A loop takes break and continue, handlers take raise, a cleanup (``finally``) takes all of them
and, once its own code is there, sends them on from its end.

Code without a way into it can't run: its points get no edges at all.
"""

import ast
from collections.abc import Iterable
from typing import Literal

from flight_client.extract.lexical_scopes import LexicalScope
from flight_client.extract.variable_events import Event, Owner, VariableEvents

PointKind = Literal["entry", "exit", "stmt", "test", "iter", "handler", "finally"]
PointNode = ast.stmt | ast.expr | ast.pattern | ast.ExceptHandler | ast.Module
EdgeKind = Literal["next", "true", "false", "exc"]
Jump = Literal["return", "break", "continue", "raise"]
Way = tuple[int, EdgeKind]
Ways = list[Way]
Region = dict[Jump, Ways]

_NEVER_RAISE = frozenset({ast.Pass, ast.Break, ast.Continue, ast.Global, ast.Nonlocal, ast.Constant})
_QUIET = frozenset({"entry", "exit", "handler", "finally"})


def loop() -> Region:
    """A region that takes break and continue."""
    return {"break": [], "continue": []}


def handlers() -> Region:
    """A region whose exceptions reach handlers."""
    return {"raise": []}


def cleanup() -> Region:
    """A region that nothing leaves but through its cleanup; also an owner's whole code, whose jumps end at its exit."""
    return {"return": [], "break": [], "continue": [], "raise": []}


def labelled(ways: Ways, kind: EdgeKind) -> Ways:
    """The ways under another kind."""
    return [(point, kind) for point, _ in ways]


def with_jumps(region: Region, ways: Ways) -> Ways:
    """The ways into a region's cleanup: from its end, and the jumps that it has taken."""
    return ways + [way for taken in region.values() for way in taken]


class ControlGraph:
    """The points of an owner (kind, node and events; point 0 is the entry) and the edges between them.

    ``regions`` are those around the code that comes next. ``events`` collects the events of code in the owner's scope.
    """

    def __init__(self, owner: Owner, events: VariableEvents) -> None:
        self.owner = owner
        self.scope: LexicalScope = events.scope
        self.events = events
        self.points: list[tuple[PointKind, PointNode, list[Event]]] = []
        self.edges: set[tuple[int, int, EdgeKind]] = set()
        self.regions: list[Region] = [cleanup()]

    def point(self, kind: PointKind, node: PointNode, events: list[Event], ways: Ways) -> Ways:
        """Add a point that the ways lead to; gives the way on from it, none if it can't be reached.

        An exception that nothing in the owner takes has no edge, so that not every point is a branch.
        """
        point = len(self.points)
        self.points.append((kind, node, events))
        if not ways:
            return []
        self.link(ways, point)
        if kind not in _QUIET and node.__class__ not in _NEVER_RAISE:
            region = self._taking("raise")
            if region is not self.regions[0]:
                region["raise"].append((point, "exc"))
        return [(point, "next")]

    def evaluated(self, node: ast.stmt | ast.expr, ways: Ways) -> Ways:
        """Add a point that evaluates a node: a simple statement, a definition, an expression of its own."""
        return self.point("stmt", node, self.events.of(node), ways)

    def link(self, ways: Iterable[Way], point: int) -> None:
        """Add edges to a point that exists."""
        self.edges.update([(source, point, kind) for source, kind in ways])

    def jump(self, ways: Ways, jump: Jump) -> None:
        """Send ways to the innermost region that takes the jump, the owner's own code at last.

        An exception's edges are of kind ``exc``, but those of a test keep theirs.
        """
        if jump == "raise":
            ways = [(point, "exc" if kind == "next" else kind) for point, kind in ways]
        self._taking(jump)[jump] += ways

    def leave(self, region: Region, ways: Ways, ends: Ways, *, swallows: bool = False) -> Ways:
        """Send on the jumps that a cleanup has taken, from the ends of its code; gives the ways to the code after it.

        ``ways`` led to the cleanup from the end of the region; if it ``swallows`` exceptions, these may go on too.
        """
        for jump, taken in region.items():
            if taken:
                self.jump(ends, jump)
        return ends if ways or (swallows and region["raise"]) else []

    def _taking(self, jump: Jump) -> Region:
        return next(region for region in reversed(self.regions) if jump in region)
