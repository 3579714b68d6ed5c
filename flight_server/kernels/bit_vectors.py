"""A data-flow solver over bit vectors, behind reaching definitions and dominance: gen and kill, until nothing changes.

Each node has a row of 64-bit words. A bit that arrives at a node leaves it unless the node kills it; a node adds the
bits that it generates. A round follows only the edges of nodes that changed in the round before.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from flight_server.kernels.arrays import Ints, is_first, spread, starts_of

WORD = 64
WORDS = 64  # the most words of a row that are solved at a time: they take WORDS * 8 bytes for each node

Words = npt.NDArray[np.uint64]


@dataclass(frozen=True)
class Edges:
    """Edges sorted by source; ``way`` says which of its source's ``Effects`` apply to an edge."""

    src: Ints
    dst: Ints
    way: Ints


@dataclass(frozen=True)
class Effects:
    """For each way and node a row of words: the bits that are generated on that way, and those that are killed."""

    generated: Words
    killed: Words


def layers(bits: Ints) -> list[tuple[int, int]]:
    """Ranges of words that cover nodes with these numbers of bits: the first word alone, since most need no more."""
    most = (int(bits.max(initial=0)) + WORD - 1) // WORD
    bounds = [0, *range(1, most, WORDS), most] if most else []
    return [(low, high) for low, high in pairwise(bounds) if low < high]


def scatter(rows: Ints, bits: Ints, low: int, high: int, shape: int) -> Words:
    """``shape`` rows of the words low … high, with those of the bits set (counted from word 0) that are in them."""
    words = np.zeros((shape, high - low), np.uint64)
    inside = (bits >= low * WORD) & (bits < high * WORD)
    at = bits[inside] - low * WORD
    np.bitwise_or.at(words, (rows[inside], at // WORD), np.left_shift(np.uint64(1), (at % WORD).astype(np.uint64)))
    return words


def scatter_runs(rows: Ints, first: Ints, count: Ints, low: int, high: int, shape: int) -> Words:
    """Like ``scatter``, for runs of ``count`` bits from ``first`` on."""
    words = np.zeros((shape, high - low), np.uint64)
    run, word, mask = masks_of_runs(first, count, low, high)
    np.bitwise_or.at(words, (rows[run], word), mask)
    return words


def masks_of_runs(first: Ints, count: Ints, low: int, high: int) -> tuple[Ints, Ints, Words]:
    """Runs of bits as words: for each word that a run touches in low … high the run, the word from low on, its mask."""
    start = np.maximum(first, low * WORD) - low * WORD
    stop = np.minimum(first + count, high * WORD) - low * WORD
    touched = np.where(stop > start, (stop - 1) // WORD - start // WORD + 1, 0)
    run = np.repeat(np.arange(len(first)), touched)
    word = spread(start // WORD, touched)
    before = np.clip(start[run] - word * WORD, 0, WORD - 1).astype(np.uint64)
    after = np.clip((word + 1) * WORD - stop[run], 0, WORD - 1).astype(np.uint64)
    ones = ~np.uint64(0)
    return run, word, (ones << before) & (ones >> after)


def set_bits(words: Words) -> tuple[Ints, Ints]:
    """For each bit that is set in one-dimensional ``words``: the number of its word, and its place there, in order."""
    octets = words.astype("<u8").view(np.uint8).reshape(-1, 8)
    found = np.flatnonzero(np.unpackbits(octets, bitorder="little"))
    return found // WORD, found % WORD


def solve(edges: Edges, effects: Effects, arrived: Words) -> Words:
    """The bits that arrive at each node. ``arrived`` holds those known before, and is changed in place."""
    counts = np.bincount(edges.src, minlength=len(arrived))
    starts = starts_of(counts)
    active = np.flatnonzero(counts)
    while len(active):
        moved = spread(starts[active], counts[active])
        src, dst, way = edges.src[moved], edges.dst[moved], edges.way[moved]
        carried = effects.generated[way, src] | (arrived[src] & ~effects.killed[way, src])
        carried &= ~arrived[dst]
        gained = np.flatnonzero(carried.any(axis=1))
        gained = gained[np.argsort(dst[gained], kind="stable")]
        targets = dst[gained]
        firsts = np.flatnonzero(is_first(targets))
        active = targets[firsts]
        if len(active):
            arrived[active] |= np.bitwise_or.reduceat(carried[gained], firsts, axis=0)
    return arrived
