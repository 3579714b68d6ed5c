"""Program dependence: immediate post-dominators, and the conditions that decide whether a point is executed.

Kernels over one part, on basic blocks. A block post-dominates another if every way from there to the exit leads through
it. The blocks that some way to the exit avoids are solved as bits that flow against the edges. A post-dominator is
nearer to the exit than what it dominates, so if bits are numbered by distance from the exit, the immediate one is the
highest. Control dependence follows Ferrante, Ottenstein and Warren (1987).

Code that never comes to the exit is taken as if its endless loop might leave for it from the loop's first block; what
is said about such code has the rule ``endless``.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from arrowdsl.plan.nodes import Kernel, KernelFunction, Plan
from flight_server.normalize.bits import WORD, Edges, Effects, Words, layers, scatter, scatter_runs, solve
from flight_server.normalize.blocks import Blocks, Bools, Ints, blocks_of, spread

_POINTS = ("file_id", "path", "bstart", "bend", "point_id", "owner_def_id", "kind")
_FLOW = ("src", "dst", "kind")
_NONE = -1


def post_dominance(cfg_points: Plan, cfg_flow: Plan) -> Plan:
    """file_id, path, span, point_id, by_point_id, rule, confidence: each point with its immediate post-dominator."""
    return _kernel("post_dominance", _post_dominance, cfg_points, cfg_flow)


def control_dependence(cfg_points: Plan, cfg_flow: Plan) -> Plan:
    """file_id, path, span, point_id, by_point_id, rule, confidence: each point with the points that decide on it.

    ``rule`` is ``branch`` where a condition decides, ``exception`` where only the raising of an exception does.
    """
    return _kernel("control_dependence", _control_dependence, cfg_points, cfg_flow)


@dataclass(frozen=True)
class PostDominators:
    """For each block its immediate post-dominator, or -1; and the blocks from which no way leads to the exit."""

    immediate: Ints
    endless: Bools


def post_dominators(blocks: Blocks) -> PostDominators:
    """The immediate post-dominators of all blocks."""
    exit_of_owner = np.full(int(blocks.owner.max(initial=-1)) + 1, _NONE)
    exit_of_owner[blocks.owner[blocks.exits]] = blocks.exits
    runs = blocks.reached[blocks.heads]
    endless = runs & (_distances(blocks.size, blocks.src, blocks.dst, blocks.exits) < 0)
    endless &= exit_of_owner[blocks.owner] >= 0
    left = _left_from(blocks, endless)
    src = np.concatenate((blocks.src, left))
    dst = np.concatenate((blocks.dst, exit_of_owner[blocks.owner[left]]))
    distance = _distances(blocks.size, src, dst, blocks.exits)
    return PostDominators(_immediate(blocks, src, dst, distance), endless)


def _kernel(name: str, apply: Callable[[pa.Table, pa.Table], pa.Table], cfg_points: Plan, cfg_flow: Plan) -> Plan:
    function = KernelFunction(
        name=name, version=1, apply=apply, needs=_POINTS, replaces_columns=True, side_needs=(_FLOW,)
    )
    return Kernel(cfg_points.select(*_POINTS), function, (cfg_flow.select(*_FLOW),))


def _post_dominance(points: pa.Table, flow: pa.Table) -> pa.Table:
    blocks = blocks_of(points, flow)
    found = post_dominators(blocks)
    last = np.ones(len(blocks.order), dtype=bool)
    last[:-1] = np.diff(blocks.block[blocks.order]) != 0
    by = np.append(blocks.order[1:], _NONE)[: len(blocks.order)]
    after = found.immediate[blocks.block[blocks.order]]
    by = np.where(last, np.where(after >= 0, blocks.heads[after], _NONE) if blocks.size else by, by)
    named = by >= 0
    point, by = blocks.order[named], by[named]
    return _rows(points, point, by, np.where(found.endless[blocks.block[point]], "endless", "post_dominance"))


def _control_dependence(points: pa.Table, flow: pa.Table) -> pa.Table:
    blocks = blocks_of(points, flow)
    found = post_dominators(blocks)
    dependent, branch, excepted = _dependences(blocks, found)
    sizes = np.diff(np.append(blocks.starts, len(blocks.order)))
    point = blocks.order[spread(blocks.starts[dependent], sizes[dependent])]
    by = np.repeat(blocks.tails[branch], sizes[dependent])
    rule = np.where(np.repeat(excepted, sizes[dependent]), "exception", "branch")
    order = np.lexsort((by, point))
    endless = found.endless[blocks.block[point[order]]]
    return _rows(points, point[order], by[order], np.where(endless, "endless", rule[order]))


def _rows(points: pa.Table, point: Ints, by: Ints, rule: npt.NDArray[np.str_]) -> pa.Table:
    named = points.select(["file_id", "path", "bstart", "bend", "point_id"]).take(pa.array(point))
    confidence = np.where(rule == "endless", np.float32(0.5), np.float32(1.0))
    others = (points.column("point_id").take(pa.array(by)), pa.array(rule, pa.string()), pa.array(confidence))
    for name, column in zip(("by_point_id", "rule", "confidence"), others, strict=True):
        named = named.append_column(name, column)
    return named


def _distances(size: int, src: Ints, dst: Ints, exits: Ints) -> Ints:
    """How many edges each block is from an exit; -1 for those from which no way leads there."""
    order = np.argsort(dst, kind="stable")
    into, counts = src[order], np.bincount(dst, minlength=size)
    starts = np.cumsum(counts) - counts
    distance = np.full(size, _NONE)
    distance[exits] = 0
    active, rounds = exits, 0
    while len(active):
        rounds += 1
        before = into[spread(starts[active], counts[active])]
        active = np.unique(before[distance[before] < 0])
        distance[active] = rounds
    return distance


def _left_from(blocks: Blocks, endless: Bools) -> Ints:
    """Endless blocks that come back to themselves and to none before them, or lead nowhere: all others come to one."""
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
    counts = np.bincount(blocks.owner[owned], minlength=int(blocks.owner.max(initial=-1)) + 1)
    starts = np.cumsum(counts) - counts
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
    """For each of the ``chosen`` blocks the bits, among these words, of the others that post-dominate it."""
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
    """The highest bit that is set in each row, or -1."""
    rows, width = np.arange(len(words)), words.shape[1]
    word = width - 1 - np.argmax(words[:, ::-1] != 0, axis=1)
    value = words[rows, word]
    upper, lower = value >> np.uint64(32), value & np.uint64(0xFFFFFFFF)
    exponent = np.where(upper > 0, 32 + np.frexp(upper.astype(float))[1], np.frexp(lower.astype(float))[1])
    return np.where(value > 0, word * WORD + exponent - 1, _NONE).astype(np.int64)


def _dependences(blocks: Blocks, found: PostDominators) -> tuple[Ints, Ints, Bools]:
    """Pairs of a block and one that decides on it, and whether it does so by an exception alone."""
    edges = np.unique(np.stack((blocks.src, blocks.dst, blocks.is_exc.astype(np.int64))), axis=1)
    src, dst, exc = edges
    ends = np.unique(edges[:2], axis=1)[0]
    branches = np.bincount(ends, minlength=blocks.size) > 1
    decided = np.bincount(np.unique(edges[:2, exc == 0], axis=1)[0], minlength=blocks.size) > 1
    active = np.flatnonzero(branches[src] & (found.immediate[src] >= 0))
    branch, runner, excepted = src[active], dst[active], (exc[active] == 1) | ~decided[src[active]]
    pairs: list[tuple[Ints, Ints, Bools]] = [(runner[:0], branch[:0], excepted[:0])]
    while len(runner):
        on = (runner != found.immediate[branch]) & (runner >= 0)
        runner, branch, excepted = runner[on], branch[on], excepted[on]
        pairs.append((runner, branch, excepted))
        runner = found.immediate[runner]
    dependent, branch, excepted = (np.concatenate(columns) for columns in zip(*pairs, strict=True))
    order = np.lexsort((excepted, branch, dependent))
    dependent, branch, excepted = dependent[order], branch[order], excepted[order]
    first = (np.diff(dependent, prepend=-1) != 0) | (np.diff(branch, prepend=-1) != 0)
    return dependent[first], branch[first], excepted[first]
