"""A data-flow solver over bit vectors for reaching definitions and dominance: gen and kill sets, up to the fixpoint.

Each node has a row of 64-bit words. A bit that arrives at a node leaves it unless the node kills it; a node adds the
bits that it generates. A round follows only the edges of nodes that changed in the round before.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from flight_server.kernels.arrays import Ints, is_first, spread, starts_of

WORD = 64
WORDS = 64  # words of a row that are solved at a time, at most: WORDS * 8 bytes for each node

Words = npt.NDArray[np.uint64]


@dataclass(frozen=True)
class Edges:
    """Edges; ``way`` selects which ``Effects`` of the source node apply to an edge."""

    src: Ints
    dst: Ints
    way: Ints


@dataclass(frozen=True)
class Effects:
    """The bits that are generated and killed, by way and node; shape (ways, nodes, words)."""

    generated: Words
    killed: Words


def layers(bits: Ints) -> list[tuple[int, int]]:
    """Ranges of words to solve one after another, for nodes with these numbers of bits.

    The first range is one word, since most nodes need no more.
    """
    most = (int(bits.max(initial=0)) + WORD - 1) // WORD
    bounds = [0, *range(1, most, WORDS), most] if most else []
    return [(low, high) for low, high in pairwise(bounds) if low < high]


def scatter(rows: Ints, bits: Ints, low: int, high: int, shape: int) -> Words:
    """``shape`` rows of the words low … high, with the bits set that are in this range; bits count from word 0."""
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
    """Runs of bits as words: a row for each word in low … high that a run touches.

    The columns are the run, the word (counted from ``low``), and the mask of the run's bits in it.
    """
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
    """For each set bit of one-dimensional ``words``, in order: the index of its word, and its position in the word."""
    octets = words.astype("<u8").view(np.uint8).reshape(-1, 8)
    found = np.flatnonzero(np.unpackbits(octets, bitorder="little"))
    return found // WORD, found % WORD


def solve(edges: Edges, effects: Effects, arrived: Words) -> Words:
    """The bits that arrive at each node; ``edges`` are sorted by source. ``arrived``, the initial bits, is modified."""
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
