"""The control flow graph of one owner: a module, class body, function, lambda or comprehension.

A *way* is an edge without a target: its source point and its kind. The function that adds some code to the graph takes
the ways into the code and returns the ways out of it. A jump (return, break, continue, raise) returns no ways; its ways
go to the innermost region that catches such jumps. A loop catches break and continue, handlers catch raise, a cleanup
(``finally``) catches all of them, and after its own code continues them from its end.

Code without a way into it can't run, and its points get no edges.
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
    """A region that catches break and continue."""
    return {"break": [], "continue": []}


def handlers() -> Region:
    """A region that catches exceptions, for handlers."""
    return {"raise": []}


def cleanup() -> Region:
    """A region that is only left through its cleanup; also an owner's code, whose jumps lead to the owner's exit."""
    return {"return": [], "break": [], "continue": [], "raise": []}


def labelled(ways: Ways, kind: EdgeKind) -> Ways:
    """The ways with another kind."""
    return [(point, kind) for point, _ in ways]


def with_jumps(region: Region, ways: Ways) -> Ways:
    """The ways into a region's cleanup: those from its end, and the jumps that it has caught."""
    return ways + [way for caught in region.values() for way in caught]


class ControlGraph:
    """The points of an owner (kind, node and events; point 0 is the entry) and the edges between them.

    ``regions`` are the regions around the code that is added next. ``events`` collects the events of code in the
    owner's scope. ``overriding`` has the ``try`` statements whose ``finally`` never ends, but always jumps itself: it
    replaces any jump out of the statement.
    """

    def __init__(self, owner: Owner, events: VariableEvents) -> None:
        self.owner = owner
        self.scope: LexicalScope = events.scope
        self.events = events
        self.points: list[tuple[PointKind, PointNode, list[Event]]] = []
        self.edges: set[tuple[int, int, EdgeKind]] = set()
        self.regions: list[Region] = [cleanup()]
        self.overriding: set[ast.stmt] = set()

    def point(self, kind: PointKind, node: PointNode, events: list[Event], ways: Ways) -> Ways:
        """Add a point that the ways lead to; returns the way out of it, or none if the point can't be reached.

        An exception that no region of the owner catches has no edge, so that not every point is a branch.
        """
        point = len(self.points)
        self.points.append((kind, node, events))
        if not ways:
            return []
        self.link(ways, point)
        if kind not in _QUIET and node.__class__ not in _NEVER_RAISE:
            region = self._catching("raise")
            if region is not self.regions[0]:
                region["raise"].append((point, "exc"))
        return [(point, "next")]

    def evaluated(self, node: ast.stmt | ast.expr, ways: Ways) -> Ways:
        """Add a point that evaluates a node: a simple statement, a definition, or an expression."""
        return self.point("stmt", node, self.events.of(node), ways)

    def link(self, ways: Iterable[Way], point: int) -> None:
        """Add edges to an existing point."""
        self.edges.update([(source, point, kind) for source, kind in ways])

    def jump(self, ways: Ways, jump: Jump) -> None:
        """Send ways to the innermost region that catches the jump; the outermost region is the owner's code.

        The edges of a ``raise`` have the kind ``exc``, except those that leave a test, which stay ``true`` or
        ``false``.
        """
        if jump == "raise":
            ways = [(point, "exc" if kind == "next" else kind) for point, kind in ways]
        self._catching(jump)[jump] += ways

    def leave(self, region: Region, ways: Ways, ends: Ways, *, swallows: bool = False) -> Ways:
        """Continue the jumps that a cleanup has caught, from the ``ends`` of its code; returns the ways to later code.

        ``ways`` led into the cleanup from the end of the region. If the cleanup ``swallows`` exceptions, later code may
        also run after an exception.
        """
        for jump, caught in region.items():
            if caught:
                self.jump(ends, jump)
        return ends if ways or (swallows and region["raise"]) else []

    def _catching(self, jump: Jump) -> Region:
        return next(region for region in reversed(self.regions) if jump in region)
