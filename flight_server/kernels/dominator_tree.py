"""The dominator tree of a flow graph: node d dominates node b if every path from a root to b leads through d.

The immediate dominator of b is the nearest common ancestor, in this tree, of the nodes that lead to b. The method
starts with a spanning tree, in which the dominators of every node are among its ancestors, and moves each node up below
the nearest common ancestor of its predecessors, until nothing changes. The result is the greatest solution of the
equations of Cooper, Harvey and Kennedy (*A Simple, Fast Dominance Algorithm*, 2001), for any graph. Structured code
needs a few rounds, so the work is near-linear.
"""

from dataclasses import dataclass

import numpy as np

from flight_server.kernels.arrays import Bools, Ints, is_first, spread, starts_of

NONE = -1


@dataclass(frozen=True)
class DominatorTree:
    """By node: the immediate dominator, or NONE, and whether a root leads to the node.

    A node without a path from a root counts as a root. The nodes that a node dominates have the positions ``first`` to
    ``last`` of the tree's preorder; ``first`` is the node's own position, from 1.
    """

    parent: Ints
    first: Ints
    last: Ints
    reached: Bools

    def frontier(self, src: Ints, dst: Ints) -> tuple[Ints, Ints]:
        """The dominance frontiers by these edges: pairs of a node and a node where its dominance ends.

        The first node dominates the source of an edge, but not strictly its target. Each pair stands once, sorted by
        both. Two paths up from sources of one target meet at their nearest common ancestor, so each path is followed
        only up to there.
        """
        order = np.lexsort((self.first[src], dst))
        runner, end = src[order], dst[order]
        stop = self.parent[end]
        again = np.flatnonzero(~is_first(end))
        ancestors = _Ancestors(np.append(self.parent, NONE), np.append(self.first, 0))
        stop[again] = ancestors.nearest(self.first[runner[again - 1]], self.first[runner[again]])
        found = [(runner[:0], end[:0])]
        while len(runner):
            on = np.flatnonzero(runner != stop)
            runner, end, stop = runner[on], end[on], stop[on]
            found.append((runner, end))
            runner = self.parent[runner]
        node, target = (np.concatenate(ends) for ends in zip(*found, strict=True))
        order = np.lexsort((target, node))
        return node[order], target[order]


class _Ancestors:
    """Nearest common ancestors, by positions in a preorder whose root has position 0 and the parent NONE."""

    def __init__(self, parent: Ints, first: Ints) -> None:
        self.node = np.empty_like(first)
        self.node[first] = np.arange(len(first))
        above = first[parent[self.node]]  # the position of the parent, by position
        levels = [above]
        for level in range(max(1, len(first)).bit_length() - 1):
            shorter = levels[-1]
            longer = shorter.copy()
            longer[: -(1 << level)] = np.minimum(shorter[: -(1 << level)], shorter[1 << level :])
            levels.append(longer)
        self.least = np.stack(levels)  # row k has the least position of a parent in 2^k positions

    def nearest(self, low: Ints, high: Ints) -> Ints:
        """The nearest common ancestor of the nodes at the positions low <= high; NONE for the root."""
        length = high - low
        level = np.frexp(np.maximum(length, 1))[1] - 1
        after = np.minimum(low + 1, len(self.node) - 1)
        least = np.minimum(self.least[level, after], self.least[level, high - (1 << level) + 1])
        found = self.node[np.where(length > 0, least, low)]
        return np.where(found == len(self.node) - 1, NONE, found)


def dominator_tree(size: int, src: Ints, dst: Ints, roots: Ints) -> DominatorTree:
    """The dominator tree of ``size`` nodes with the edges ``src`` to ``dst``.

    A node ``size`` above all roots makes it one tree.
    """
    parent = spanning_forest(size, src, dst, roots)
    reached = parent != NONE
    top = np.union1d(roots, np.flatnonzero(~reached))
    parent[top] = size
    parent = np.append(parent, NONE)
    src, dst = np.append(src, np.full(len(top), size)), np.append(dst, top)
    order = np.argsort(dst, kind="stable")
    src, dst = src[order], dst[order]
    starts = np.flatnonzero(is_first(dst))
    while True:
        first, last = _preorder(parent)
        ancestors = _Ancestors(parent, first)
        position = first[src]
        nearest = ancestors.nearest(np.minimum.reduceat(position, starts), np.maximum.reduceat(position, starts))
        moved = np.append(np.where(nearest == NONE, size, nearest), NONE)
        if np.array_equal(moved, parent):
            return DominatorTree(np.where(parent == size, NONE, parent)[:-1], first[:-1], last[:-1], reached)
        parent = moved


def spanning_forest(size: int, src: Ints, dst: Ints, roots: Ints) -> Ints:
    """The parent of each node in a breadth-first forest; that of a root is itself, that of an unreached node NONE."""
    order = np.argsort(src, kind="stable")
    into, counts = dst[order], np.bincount(src, minlength=size)
    starts = starts_of(counts)
    parent = np.full(size, NONE)
    parent[roots] = roots
    active = roots
    while len(active):
        by, to = np.repeat(active, counts[active]), into[spread(starts[active], counts[active])]
        new = np.flatnonzero(parent[to] == NONE)
        parent[to[new]] = by[new]
        active = np.unique(to[new])
    return parent


def _preorder(parent: Ints) -> tuple[Ints, Ints]:
    """The position of each node of a tree in a preorder, and that of its last descendant.

    The tour around the tree goes down to each node n (step n) and up from it (step size + n); pointer doubling finds
    the number of steps after each.
    """
    size = len(parent)
    root = size - 1
    following = np.append(np.arange(size) + size, parent + size)
    following[size + root] = size + root
    child = np.argsort(parent, kind="stable")[1:]
    eldest = is_first(parent[child] + 1)
    following[parent[child[eldest]]] = child[eldest]
    younger = np.flatnonzero(~eldest)
    following[size + child[younger - 1]] = child[younger]
    after = (following != np.arange(2 * size)).astype(np.int64)
    while after[following].any():
        after += after[following]
        following = following[following]
    tour = np.argsort(-after)
    down = np.cumsum(tour < size) - 1
    position = np.empty_like(down)
    position[tour] = down
    return position[:size], position[size:]
