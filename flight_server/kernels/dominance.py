"""Post-dominators and control dependence, on basic blocks.

Block p post-dominates block b if every path from b to the exit leads through p. The solver follows the edges backwards
and finds, for each b, the blocks that some path to the exit avoids; the others post-dominate b. A post-dominator is
nearer to the exit than b. So if bits are numbered by distance from the exit, the immediate post-dominator is the
highest bit. Control dependence follows Ferrante, Ottenstein and Warren (1987).

Code that never reaches the exit is treated as if the first block of its endless loop had an edge to the exit.
"""

from dataclasses import dataclass

import numpy as np

from flight_server.kernels.arrays import Bools, Ints, is_first, spread, starts_of
from flight_server.kernels.bit_vectors import WORD, Edges, Effects, Words, layers, scatter, scatter_runs, solve
from flight_server.kernels.block_graph import Blocks, FlowGraph, Way, blocks_of

_NONE = -1


@dataclass(frozen=True)
class Dependences:
    """Pairs of a ``point`` and the point that it depends on: its immediate post-dominator, or a deciding point.

    ``endless`` is true if no path leads from ``point`` to the exit; ``excepted`` if only an exception decides.
    """

    point: Ints
    by: Ints
    endless: Bools
    excepted: Bools


def post_dominators(graph: FlowGraph) -> Dependences:
    """The points that have an immediate post-dominator, paired with it, in the order of block and position."""
    blocks = blocks_of(graph)
    immediate, endless = _block_dominators(blocks)
    last = np.ones(len(blocks.order), dtype=bool)
    last[:-1] = is_first(blocks.block[blocks.order])[1:]
    by = np.append(blocks.order[1:], _NONE)[: len(blocks.order)]
    after = immediate[blocks.block[blocks.order[last]]]
    by[last] = np.append(blocks.heads, _NONE)[after]
    named = by >= 0
    point = blocks.order[named]
    return Dependences(point, by[named], endless[blocks.block[point]], np.zeros(len(point), dtype=bool))


def control_dependences(graph: FlowGraph) -> Dependences:
    """The points, paired with each point that decides whether they are executed; sorted by both."""
    blocks = blocks_of(graph)
    immediate, endless = _block_dominators(blocks)
    dependent, branch, excepted = _deciding(blocks, immediate)
    sizes = np.diff(np.append(blocks.starts, len(blocks.order)))[dependent]
    point = blocks.order[spread(blocks.starts[dependent], sizes)]
    by = np.repeat(blocks.tails[branch], sizes)
    order = np.lexsort((by, point))
    return Dependences(point[order], by[order], endless[blocks.block[point[order]]], np.repeat(excepted, sizes)[order])


def _block_dominators(blocks: Blocks) -> tuple[Ints, Bools]:
    """The immediate post-dominator of each block, or -1; and whether no path leads from the block to the exit."""
    exit_of_owner = np.full(blocks.owners, _NONE)
    exit_of_owner[blocks.owner[blocks.exits]] = blocks.exits
    runs = blocks.reached[blocks.heads]
    endless = runs & (_distances(blocks.size, blocks.src, blocks.dst, blocks.exits) < 0)
    endless &= exit_of_owner[blocks.owner] >= 0
    left = _artificial_exits(blocks, endless)
    src = np.concatenate((blocks.src, left))
    dst = np.concatenate((blocks.dst, exit_of_owner[blocks.owner[left]]))
    distance = _distances(blocks.size, src, dst, blocks.exits)
    return _immediate(blocks, src, dst, distance), endless


def _distances(size: int, src: Ints, dst: Ints, exits: Ints) -> Ints:
    """The number of edges on the shortest path from each block to an exit; -1 if there is no path."""
    order = np.argsort(dst, kind="stable")
    into, counts = src[order], np.bincount(dst, minlength=size)
    starts = starts_of(counts)
    distance = np.full(size, _NONE)
    distance[exits] = 0
    active, rounds = exits, 0
    while len(active):
        rounds += 1
        before = into[spread(starts[active], counts[active])]
        active = np.unique(before[distance[before] < 0])
        distance[active] = rounds
    return distance


def _artificial_exits(blocks: Blocks, endless: Bools) -> Ints:
    """Endless blocks without successors, and the first blocks of endless loops; every endless block leads to one."""
    never = blocks.size
    first = np.full(blocks.size, never)
    inside = np.flatnonzero(endless[blocks.src] & endless[blocks.dst])
    src, dst = blocks.src[inside], blocks.dst[inside]
    active = np.arange(len(inside))
    while len(active):
        before = first[src]
        np.minimum.at(first, src[active], np.minimum(dst, first[dst])[active])
        changed = np.zeros(blocks.size, dtype=bool)
        changed[src[first[src] < before]] = True
        active = np.flatnonzero(changed[dst])
    return np.flatnonzero(endless & ((first == np.arange(blocks.size)) | (first == never)))


def _immediate(blocks: Blocks, src: Ints, dst: Ints, distance: Ints) -> Ints:
    owned = np.flatnonzero(distance >= 0)
    owned = owned[np.lexsort((owned, distance[owned], blocks.owner[owned]))]
    counts = np.bincount(blocks.owner[owned], minlength=blocks.owners)
    starts = starts_of(counts)
    bit = np.full(blocks.size, _NONE)
    bit[owned] = np.arange(len(owned)) - starts[blocks.owner[owned]]
    highest = np.full(blocks.size, _NONE)
    for low, high in layers(counts):
        chosen = owned[counts[blocks.owner[owned]] > low * WORD]
        top = _highest(_post_dominating(blocks, (src, dst), bit, counts, chosen, (low, high)))
        highest[chosen] = np.where(top >= 0, top + low * WORD, highest[chosen])
    has = np.flatnonzero(highest >= 0)
    immediate = np.full(blocks.size, _NONE)
    immediate[has] = owned[starts[blocks.owner[has]] + highest[has]]
    return immediate


def _post_dominating(
    blocks: Blocks, edges: tuple[Ints, Ints], bit: Ints, counts: Ints, chosen: Ints, words: tuple[int, int]
) -> Words:
    """The bits of the blocks that post-dominate each of the ``chosen`` blocks, within these words."""
    low, high = words
    number = np.full(blocks.size, _NONE)
    number[chosen] = np.arange(len(chosen))
    rows, size = np.arange(len(chosen)), len(chosen)
    own = scatter(rows, bit[chosen], low, high, size)
    is_exit = np.flatnonzero(bit[chosen] == 0)
    everything = scatter_runs(is_exit, np.zeros_like(is_exit), counts[blocks.owner[chosen[is_exit]]], low, high, size)
    src, dst = (number[ends] for ends in edges)
    inside = np.flatnonzero((src >= 0) & (dst >= 0))
    inside = inside[np.argsort(dst[inside], kind="stable")]
    backwards = Edges(dst[inside], src[inside], np.zeros(len(inside), np.int64))
    generated = everything & ~own
    avoided = solve(backwards, Effects(generated[None], own[None]), np.zeros_like(own)) | generated
    below = scatter_runs(rows, np.zeros_like(rows), bit[chosen], low, high, size)
    return below & ~avoided


def _highest(words: Words) -> Ints:
    """The highest set bit of each row, or -1."""
    rows, width = np.arange(len(words)), words.shape[1]
    word = width - 1 - np.argmax(words[:, ::-1] != 0, axis=1)
    value = words[rows, word]
    upper, lower = value >> np.uint64(32), value & np.uint64(0xFFFFFFFF)
    exponent = np.where(upper > 0, 32 + np.frexp(upper.astype(float))[1], np.frexp(lower.astype(float))[1])
    return np.where(value > 0, word * WORD + exponent - 1, _NONE).astype(np.int64)


def _deciding(blocks: Blocks, immediate: Ints) -> tuple[Ints, Ints, Bools]:
    """Pairs of a block and a block that decides whether it is executed, and whether only an exception decides."""
    edges = np.unique(np.stack((blocks.src, blocks.dst, blocks.way == Way.DURING)), axis=1)
    src, dst, exc = edges
    ends = np.unique(edges[:2], axis=1)[0]
    branches = np.bincount(ends, minlength=blocks.size) > 1
    decided = np.bincount(np.unique(edges[:2, exc == 0], axis=1)[0], minlength=blocks.size) > 1
    active = np.flatnonzero(branches[src] & (immediate[src] >= 0))
    branch, runner, excepted = src[active], dst[active], (exc[active] == 1) | ~decided[src[active]]
    pairs: list[tuple[Ints, Ints, Bools]] = [(runner[:0], branch[:0], excepted[:0])]
    while len(runner):
        on = (runner != immediate[branch]) & (runner >= 0)
        runner, branch, excepted = runner[on], branch[on], excepted[on]
        pairs.append((runner, branch, excepted))
        runner = immediate[runner]
    dependent, branch, excepted = (np.concatenate(columns) for columns in zip(*pairs, strict=True))
    order = np.lexsort((excepted, branch, dependent))
    dependent, branch, excepted = dependent[order], branch[order], excepted[order]
    first = is_first(dependent, branch)
    return dependent[first], branch[first], excepted[first]
