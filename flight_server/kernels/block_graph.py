"""Control flow as arrays: the points of many owners at once, grouped into basic blocks.

A block is a chain of points, each the only successor of the one before. An edge may leave a point before it has been
executed completely (an exception, a loop without a next item). Such a point is a block of its own, so that one ``Way``
holds for the whole block.
"""

from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from flight_server.kernels.arrays import Bools, Ints


class Way(IntEnum):
    """How much of a point or block has been executed when an edge leaves it: all, nothing, or any part of it."""

    AFTER = 0
    BEFORE = 1
    DURING = 2  # an exception


@dataclass(frozen=True)
class FlowGraph:
    """Points and edges. By point: its owner (numbered from 0), and whether it is the owner's entry or exit.

    Each edge leads from the point ``src`` to the point ``dst``.
    """

    owner: Ints
    is_entry: Bools
    is_exit: Bools
    src: Ints
    dst: Ints
    way: Ints


@dataclass(frozen=True)
class Blocks:
    """The basic blocks; the blocks of one owner have consecutive numbers.

    By point, ``block`` and ``rank`` are its block and its position in the block. ``order`` has the points by block and
    rank; those of block b start at ``starts[b]``. ``src``, ``dst`` and ``way`` are the edges between blocks, sorted by
    ``src``. ``owner`` is each block's owner, ``exits`` are the blocks of exits. ``reached`` is true for entries and for
    points that an edge leads to; other points never run.
    """

    block: Ints
    rank: Ints
    order: Ints
    starts: Ints
    src: Ints
    dst: Ints
    way: Ints
    owner: Ints
    exits: Ints
    reached: Bools

    @property
    def size(self) -> int:
        """The number of blocks."""
        return len(self.owner)

    @property
    def owners(self) -> int:
        """The number of owners."""
        return int(self.owner.max(initial=-1)) + 1

    @property
    def heads(self) -> Ints:
        """The first point of each block."""
        return self.order[self.starts]

    @property
    def tails(self) -> Ints:
        """The last point of each block."""
        return self.order[np.append(self.starts[1:], len(self.order)) - 1] if self.size else self.starts


def blocks_of(graph: FlowGraph) -> Blocks:
    """The basic blocks of a flow graph."""
    src, dst, owner = graph.src, graph.dst, graph.owner
    block, rank = _chains(_following(graph))
    order = np.lexsort((rank, block, owner[block]))
    first = np.flatnonzero(rank[order] == 0)
    number = np.empty(len(block), np.int64)
    number[order[first]] = np.arange(len(first))
    numbered = number[block]
    between = np.flatnonzero((numbered[src] != numbered[dst]) | (rank[dst] == 0))
    between = between[np.argsort(numbered[src[between]], kind="stable")]
    reached = graph.is_entry.copy()
    reached[dst] = True
    return Blocks(
        block=numbered,
        rank=rank,
        order=order,
        starts=first,
        src=numbered[src[between]],
        dst=numbered[dst[between]],
        way=graph.way[between],
        owner=owner[order[first]],
        exits=numbered[graph.is_exit],
        reached=reached,
    )


def _following(graph: FlowGraph) -> Ints:
    """The next point in each point's block, or itself. An exit is a separate block; a loop's head starts a block."""
    src, dst, owner = graph.src, graph.dst, graph.owner
    size = len(owner)
    plain = ~graph.is_exit
    plain[dst[src >= dst]] = False
    plain[src[graph.way != Way.AFTER]] = False
    only = (np.bincount(src, minlength=size)[src] == 1) & (np.bincount(dst, minlength=size)[dst] == 1)
    chained = only & (src < dst) & plain[src] & plain[dst] & (owner[src] == owner[dst])
    following = np.arange(size)
    following[src[chained]] = dst[chained]
    return following


def _chains(following: Ints) -> tuple[Ints, Ints]:
    """The first point of each point's chain, and the distance from it, by pointer doubling."""
    size = len(following)
    head, rank = np.arange(size), np.zeros(size, np.int64)
    linked = np.flatnonzero(following != np.arange(size))
    head[following[linked]] = linked
    rank[following[linked]] = 1
    while True:
        further = head[head]
        if np.array_equal(further, head):
            return head, rank
        rank += rank[head]
        head = further
