"""Post-dominators and control dependence, on basic blocks.

Block p post-dominates block b if every path from b to the exit leads through p: it dominates b where all edges are
turned round. Control dependence follows Ferrante, Ottenstein and Warren (1987): a block depends on the blocks in its
dominance frontier there.

Code that never reaches the exit is treated as if the first block of its endless loop had an edge to the exit.
"""

from dataclasses import dataclass

import numpy as np

from flight_server.kernels.arrays import Bools, Ints, is_first, spread
from flight_server.kernels.block_graph import Blocks, FlowGraph, Way, blocks_of
from flight_server.kernels.dominator_tree import NONE, DominatorTree, dominator_tree, spanning_forest


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
    tree, endless = _block_dominators(blocks)
    last = np.ones(len(blocks.order), dtype=bool)
    last[:-1] = is_first(blocks.block[blocks.order])[1:]
    by = np.append(blocks.order[1:], NONE)[: len(blocks.order)]
    after = tree.parent[blocks.block[blocks.order[last]]]
    by[last] = np.append(blocks.heads, NONE)[after]
    named = by >= 0
    point = blocks.order[named]
    return Dependences(point, by[named], endless[blocks.block[point]], np.zeros(len(point), dtype=bool))


def control_dependences(graph: FlowGraph) -> Dependences:
    """The points, paired with each point that decides whether they are executed; sorted by both."""
    blocks = blocks_of(graph)
    tree, endless = _block_dominators(blocks)
    dependent, branch, excepted = _deciding(blocks, tree)
    sizes = np.diff(np.append(blocks.starts, len(blocks.order)))[dependent]
    point = blocks.order[spread(blocks.starts[dependent], sizes)]
    by = np.repeat(blocks.tails[branch], sizes)
    order = np.lexsort((by, point))
    return Dependences(point[order], by[order], endless[blocks.block[point[order]]], np.repeat(excepted, sizes)[order])


def _block_dominators(blocks: Blocks) -> tuple[DominatorTree, Bools]:
    """The tree of immediate post-dominators; and whether no path leads from the block to the exit."""
    exit_of_owner = np.full(blocks.owners, NONE)
    exit_of_owner[blocks.owner[blocks.exits]] = blocks.exits
    runs = blocks.reached[blocks.heads]
    endless = runs & (spanning_forest(blocks.size, blocks.dst, blocks.src, blocks.exits) == NONE)
    endless &= exit_of_owner[blocks.owner] >= 0
    left = _artificial_exits(blocks, endless)
    src = np.concatenate((blocks.src, left))
    dst = np.concatenate((blocks.dst, exit_of_owner[blocks.owner[left]]))
    return dominator_tree(blocks.size, dst, src, blocks.exits), endless


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


def _deciding(blocks: Blocks, tree: DominatorTree) -> tuple[Ints, Ints, Bools]:
    """Pairs of a block and a block that decides whether it is executed, and whether only an exception decides."""
    edges = np.unique(np.stack((blocks.src, blocks.dst, blocks.way == Way.DURING)), axis=1)
    src, dst, exc = edges
    ends = np.unique(edges[:2], axis=1)[0]
    branches = np.bincount(ends, minlength=blocks.size) > 1
    decided = np.bincount(np.unique(edges[:2, exc == 0], axis=1)[0], minlength=blocks.size) > 1
    active = branches[src] & (tree.parent[src] != NONE) & tree.reached[dst]
    dependent, branch = tree.frontier(dst[active], src[active])
    plain = active & (exc == 0) & decided[src]
    named, by = tree.frontier(dst[plain], src[plain])
    excepted = ~np.isin(dependent * blocks.size + branch, named * blocks.size + by)
    return dependent, branch, excepted
