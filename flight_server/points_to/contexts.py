"""Contexts: the body of a function may be analysed several times, for one call or for one instance each.

A decorator that is used on a hundred functions returns a hundred wrappers. If its body were analysed once, each use
would get all of them. A context is a copy of a function's body, and of the functions nested in it, with places and
containers of its own. Context 0 is the source itself.

A context belongs to a function object (the definition, and the context that made it) and to an origin: a call site, or
the instance whose method is called. Code that is nested in the function belongs to the same context, until a call of a
nested function gets one of its own.
"""

import numpy as np

from flight_server.points_to.facts import DefinitionFacts
from flight_server.points_to.integer_columns import HALF, LOWER, GrowingColumn, Ints, Mask, distinct, pack, where
from flight_server.points_to.sorted_runs import PairNumbers

DEEPEST_CONTEXT = 6  # contexts inside contexts
MOST_ROWS = 30_000  # facts of a definition in all its contexts
FEWEST = 4  # contexts that every function may have, however large it is


class Contexts:
    """All contexts, numbered from 1.

    ``root`` has the definition whose body was entered, ``parent`` the context of the code around it, ``caller`` the
    context of the code that entered it, ``depth`` the number of contexts around a context.
    """

    def __init__(self, definitions: DefinitionFacts, sizes: Ints) -> None:
        """Start without contexts; ``sizes`` has the number of facts in each definition's body."""
        self.root, self.parent, self.caller, self.depth = (GrowingColumn(1024) for _ in range(4))
        self.next = 1
        self._numbers = PairNumbers()
        self._enter, self._leave = _intervals(definitions.container)
        self._left = np.maximum(MOST_ROWS // np.maximum(sizes, 1), FEWEST)

    def enclosing(self, definitions: Ints, contexts: Ints) -> Ints:
        """For code of definitions that is reached from contexts, the contexts that it belongs to."""
        while True:
            outside = (contexts > 0) & ~self._is_inside(definitions, self.root[contexts])
            if not outside.any():
                return contexts
            contexts = np.where(outside, self.parent[contexts], contexts)

    def enter(self, functions: Ints, roots: Ints, parents: Ints, origins: Ints, callers: Ints) -> Ints:
        """The contexts of calls of functions; 0 where a limit forbids another context.

        A function that is called again inside its own context stays in that context.
        """
        if not len(functions):
            return functions
        found = self._numbers.find(pack(functions, origins))
        entered = self._entered(roots, callers, parents)
        found = np.where(found > 0, found, entered)
        opens = (found == 0) & (self.depth[callers] < DEEPEST_CONTEXT)
        opens[opens] = self._reserve(roots[opens], pack(functions, origins)[opens])
        numbers, new = self._numbers.number(pack(functions[opens], origins[opens]), self.next)
        if len(new):
            self.next += len(new)
            for column in (self.root, self.parent, self.caller, self.depth):
                column.reach(self.next)
            self.root[numbers], self.parent[numbers] = roots[opens], parents[opens]
            self.caller[numbers] = callers[opens]
            self.depth[numbers] = self.depth[callers[opens]] + 1
        found[opens] = numbers
        return found

    def _entered(self, roots: Ints, callers: Ints, parents: Ints) -> Ints:
        """The context of the same definition that a call is made in, directly or through others; 0 if there is none."""
        found = np.zeros_like(roots)
        every = np.arange(len(roots))
        pairs = distinct(np.concatenate([pack(every, callers), pack(every, parents)]))
        for _ in range(DEEPEST_CONTEXT):
            which, contexts = pairs >> HALF, pairs & LOWER
            which, contexts = where((contexts > 0) & (found[which] == 0), which, contexts)
            if not len(which):
                break
            here = self.root[contexts] == roots[which]
            found[which[here]] = contexts[here]
            around = [pack(which, column[contexts]) for column in (self.caller, self.parent)]
            pairs = distinct(np.concatenate(around))
        return found

    def _reserve(self, roots: Ints, codes: Ints) -> Mask:
        """Which new contexts are within the limits of their definitions; the ones with the lowest codes come first."""
        chosen = np.zeros(len(roots), bool)
        _, first, which = np.unique(codes, return_index=True, return_inverse=True)
        order = np.argsort(roots[first], kind="stable")
        ordered = roots[first][order]
        rank = np.arange(len(order)) - ordered.searchsorted(ordered)
        fits = np.zeros(len(first), bool)
        fits[order] = rank < self._left[ordered]
        chosen = fits[which]
        np.subtract.at(self._left, roots[first[fits]], 1)
        return chosen

    def _is_inside(self, definitions: Ints, roots: Ints) -> Mask:
        mask: Mask = self._enter[roots] <= self._enter[definitions]
        return mask & (self._enter[definitions] < self._leave[roots])


def _intervals(container: Ints) -> tuple[Ints, Ints]:
    """An interval for each definition that contains those of the definitions nested in it, and no others."""
    size, depth, outer = np.ones(len(container), np.int64), np.zeros(len(container), np.int64), container.copy()
    while outer.any():
        np.add.at(size, outer[outer > 0], 1)
        depth += outer > 0
        outer = np.where(outer > 0, container[outer], 0)
    enter = np.zeros(len(container), np.int64)
    for level in range(int(depth.max(initial=0)) + 1):
        at = np.flatnonzero(depth == level)
        at = at[np.argsort(container[at], kind="stable")]
        ends = np.cumsum(size[at])
        first = container[at].searchsorted(container[at])
        starts = ends - size[at]
        enter[at] = enter[container[at]] + 1 + starts - starts[first]
    return enter, enter + size
