"""Control flow as arrays: the points of one part, all owners at once, gathered into basic blocks.

A block is a chain of points, each the only way on from the one before it. What leaves a point in the middle of its work
(an exception, an iteration without a further item) belongs to a block of one point, so that ``Way`` says all of it.
"""

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

_PARTIAL = ("iter", "handler")


class Way(IntEnum):
    """What of a block has happened when an edge leaves it: all, nothing, or any part of it."""

    AFTER = 0
    BEFORE = 1
    DURING = 2


@dataclass(frozen=True)
class Blocks:
    """Points by their row in ``cfg_points``, blocks by number; blocks of one owner have consecutive numbers.

    ``block`` and ``rank`` say for each point its block and its place in it, ``order`` has the points by block and
    rank, and those of block b from ``starts[b]`` on. Edges are ``src``, ``dst`` (blocks) and ``way``, sorted by src;
    ``is_exc`` tells those that an exception takes. ``owner`` numbers the owners of blocks from 0, ``exits`` are the
    blocks of exits. ``reached`` tells points that an edge leads to and entries: others never run.
    """

    block: Ints
    rank: Ints
    order: Ints
    starts: Ints
    src: Ints
    dst: Ints
    way: Ints
    is_exc: Bools
    owner: Ints
    exits: Ints
    reached: Bools

    @property
    def size(self) -> int:
        """The number of blocks."""
        return len(self.owner)

    @property
    def heads(self) -> Ints:
        """The first point of each block."""
        return self.order[self.starts]

    @property
    def tails(self) -> Ints:
        """The last point of each block."""
        return self.order[np.append(self.starts[1:], len(self.order)) - 1] if self.size else self.starts


def blocks_of(points: pa.Table, flow: pa.Table) -> Blocks:
    """The blocks of ``cfg_points`` (point_id, owner_def_id, kind) under ``cfg_flow`` (src, dst, kind)."""
    src, dst, kinds = _edges(points, flow)
    kind = points.column("kind")
    partial = np.asarray(pc.is_in(kind, pa.array(_PARTIAL)))
    is_exc = np.asarray(pc.fill_null(pc.equal(kinds, "exc"), fill_value=False))
    is_true = np.asarray(pc.fill_null(pc.equal(kinds, "true"), fill_value=False))
    way = np.where(is_exc, Way.DURING, np.where(partial[src] & ~is_true, Way.BEFORE, Way.AFTER)).astype(np.int64)
    owner = codes(points.column("owner_def_id"))
    entry, ends = (np.asarray(pc.fill_null(pc.equal(kind, each), fill_value=False)) for each in ("entry", "exit"))
    block, rank = _chains(_following(src, dst, way, owner, ends))
    order = np.lexsort((rank, block, owner[block]))
    first = np.flatnonzero(rank[order] == 0)
    number = np.empty(len(block), np.int64)
    number[order[first]] = np.arange(len(first))
    numbered = number[block]
    between = np.flatnonzero((numbered[src] != numbered[dst]) | (rank[dst] == 0))
    between = between[np.argsort(numbered[src[between]], kind="stable")]
    reached = entry.copy()
    reached[dst] = True
    return Blocks(
        block=numbered,
        rank=rank,
        order=order,
        starts=first,
        src=numbered[src[between]],
        dst=numbered[dst[between]],
        way=way[between],
        is_exc=is_exc[between],
        owner=owner[order[first]],
        exits=numbered[ends],
        reached=reached,
    )


def codes(values: pa.ChunkedArray) -> Ints:
    """Equal values as equal numbers from 0, in the order of their first row; null is a value."""
    encoded = pc.dictionary_encode(values.combine_chunks(), null_encoding="encode")
    indices: Ints = np.asarray(encoded.indices).astype(np.int64)
    return indices


def rows_of(values: pa.ChunkedArray, ids: pa.ChunkedArray) -> Ints:
    """The row of each value among ``ids``; -1 where it is not."""
    rows: Ints = np.asarray(pc.fill_null(pc.index_in(values, value_set=ids.combine_chunks()), -1)).astype(np.int64)
    return rows


def spread(starts: Ints, counts: Ints) -> Ints:
    """The numbers starts[i], starts[i] + 1, … (counts[i] of them) for each i, one after another."""
    ends = np.cumsum(counts)
    total = int(ends[-1]) if len(ends) else 0
    spread_out: Ints = np.arange(total) + np.repeat(starts - (ends - counts), counts)
    return spread_out


def _edges(points: pa.Table, flow: pa.Table) -> tuple[Ints, Ints, pa.ChunkedArray]:
    """Sources, destinations and kinds of the edges whose two points there are."""
    ids = points.column("point_id")
    src, dst = rows_of(flow.column("src"), ids), rows_of(flow.column("dst"), ids)
    known = np.flatnonzero((src >= 0) & (dst >= 0))
    return src[known], dst[known], flow.column("kind").take(pa.array(known))


def _following(src: Ints, dst: Ints, way: Ints, owner: Ints, ends: Bools) -> Ints:
    """For each point the one after it in its block, or itself; an exit is a block of its own, so is a loop's head."""
    size = len(owner)
    plain = ~ends
    plain[dst[src >= dst]] = False
    plain[src[way != Way.AFTER]] = False
    only = (np.bincount(src, minlength=size)[src] == 1) & (np.bincount(dst, minlength=size)[dst] == 1)
    chained = only & (src < dst) & plain[src] & plain[dst] & (owner[src] == owner[dst])
    following = np.arange(size)
    following[src[chained]] = dst[chained]
    return following


def _chains(following: Ints) -> tuple[Ints, Ints]:
    """The first point of each point's chain, and its distance from there: pointers are doubled until all are there."""
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
