"""Reaching definitions in sparse form: pruned static single assignment form (Cytron et al., 1991).

Where different definitions of a variable meet, and a use may read any of them, there is a *join*. A use is reached by
one definition or by one join, and a join by two or more definitions and joins. So the pairs grow with the code and not
with its square: the definitions that may reach a use are those that lead to it through joins.

All owners (functions, classes, modules, code objects) are solved at once. A definition reaches only uses in the code of
its own owner, since one owner's code does not show when other code sets and reads a closure's or global variable.

A *source* is a block that defines or deletes a variable, or has a join for it; its value is what leaves the block. The
value at any place is that of the innermost source that dominates the place. Joins stand in the dominance frontiers of
sources. Which sources a join unites is found by counting, so that a handler of many points and variables costs no more
than its pairs: a source gives its value on those edges to the join that come from blocks that it dominates, and
no inner source does.
"""

from dataclasses import dataclass

import numpy as np

from flight_server.kernels.arrays import Bools, Ints, is_first, spread, starts_of
from flight_server.kernels.block_graph import Blocks, FlowGraph, Way, blocks_of
from flight_server.kernels.dominator_tree import NONE, DominatorTree, dominator_tree, spanning_forest


@dataclass(frozen=True)
class Events:
    """The effects of points on variables: each event's point (-1: ignore it), its order at the point, and its variable.

    An event that is neither a definition nor a use is a kill. The same variable in two owners counts as two variables.
    """

    point: Ints
    ordinal: Ints
    variable: Ints
    is_def: Bools
    is_use: Bools


@dataclass(frozen=True)
class Reaching:
    """Pairs of what is read and what reads it, by number: an event's row, or the number of events and a join's row.

    ``source`` is a definition or a join, ``target`` a use or a join; the pairs are sorted by target and source.
    Joins have a point, before which they stand, and the ``Events.variable`` that they are of.
    """

    source: Ints
    target: Ints
    join_point: Ints
    join_variable: Ints


@dataclass(frozen=True)
class _Ordered:
    """The events of points that may run, by block, variable and order; ``row`` is an event's number in ``Events``.

    ``variable`` numbers the variables of all owners. ``last`` is the position of the variable's last definition or kill
    before the event in its block; NONE if there is none, and then a use is exposed to other blocks.
    """

    row: Ints
    block: Ints
    variable: Ints
    is_def: Bools
    is_use: Bools
    last: Ints


@dataclass(frozen=True)
class _Sources:
    """The sources, sorted by ``key``: variable * blocks + block.

    ``value`` is the row of a definition, or the number of a join; NONE after a kill. ``join`` is the number of the join
    at the start of the block, or NONE.
    """

    key: Ints
    value: Ints
    join: Ints

    def find(self, key: Ints) -> Ints:
        """The row of each key; NONE if there is no such source."""
        row = np.minimum(np.searchsorted(self.key, key), max(0, len(self.key) - 1))
        return np.where(self.key[row] == key, row, NONE) if len(self.key) else np.full(len(key), NONE)


def reaching_definitions(graph: FlowGraph, events: Events) -> Reaching:
    """The definitions and joins that reach each use and join."""
    steps, point_of, place = _steps(graph, events)
    blocks = blocks_of(steps)
    ordered = _ordered(events, place, blocks)
    inside = np.flatnonzero(ordered.is_use & (ordered.last >= 0))
    inside = inside[ordered.is_def[ordered.last[inside]]]
    exposed = np.flatnonzero(ordered.is_use & (ordered.last < 0))
    tree = dominator_tree(blocks.size, blocks.src, blocks.dst, blocks.block[steps.is_entry])
    ends = tree.frontier(blocks.src, blocks.dst)
    sources = _sources(ordered, ends, exposed, blocks.size, len(events.point))
    around = _innermost(sources, tree, sources.key)
    joined, united = _united(sources, around, blocks, tree, ends)
    read = _read(sources, tree, ordered.variable[exposed] * blocks.size + ordered.block[exposed])
    source = np.concatenate((ordered.row[ordered.last[inside]], sources.value[united], read))
    target = np.concatenate((ordered.row[inside], joined, ordered.row[exposed]))
    known = source != NONE
    source, target, kept = _pruned(source[known], target[known], len(events.point))
    key = sources.key[sources.join != NONE][kept]
    named = np.empty(int(ordered.variable.max(initial=-1)) + 1, np.int64)
    named[ordered.variable] = events.variable[ordered.row]
    return Reaching(source, target, point_of[blocks.heads[key % blocks.size]], named[key // blocks.size])


def _steps(graph: FlowGraph, events: Events) -> tuple[FlowGraph, Ints, Ints]:
    """A graph whose points are executed as a whole, the point of each of its points, and the new point of each event.

    A point that an edge may leave before its end becomes a point for its start and one after each definition and kill.
    """
    size = len(graph.owner)
    runs = graph.is_entry.copy()
    runs[graph.dst] = True
    splits = np.zeros(size, dtype=bool)
    splits[graph.src[graph.way != Way.AFTER]] = True
    place = np.where(runs[events.point], events.point, NONE)
    place[events.point < 0] = NONE
    found = np.flatnonzero((place >= 0) & splits[place])
    found = found[np.lexsort((events.ordinal[found], place[found]))]
    sets = ~events.is_use[found]
    more = np.bincount(place[found][sets], minlength=size)
    first = starts_of(more + 1)
    done = np.cumsum(sets) - starts_of(more)[place[found]]
    place = np.where(place >= 0, first[place], NONE)
    place[found] += done
    point_of = np.repeat(np.arange(size), more + 1)
    inner = np.flatnonzero(np.arange(len(point_of)) != first[point_of])
    starts = first[graph.src] + np.where(graph.way == Way.AFTER, more[graph.src], 0)
    counts = np.where(graph.way == Way.DURING, more[graph.src] + 1, 1)
    src = np.concatenate((inner - 1, spread(starts, counts)))
    dst = np.concatenate((inner, np.repeat(first[graph.dst], counts)))
    is_start = np.zeros(len(point_of), dtype=bool)
    is_start[first] = True
    steps = FlowGraph(
        owner=graph.owner[point_of],
        is_entry=graph.is_entry[point_of] & is_start,
        is_exit=np.zeros(len(point_of), dtype=bool),
        src=src,
        dst=dst,
        way=np.full(len(src), Way.AFTER, np.int64),
    )
    return steps, point_of, place


def _ordered(events: Events, place: Ints, blocks: Blocks) -> _Ordered:
    row = np.flatnonzero(place >= 0)
    point, named = place[row], events.variable[row]
    block, rank = blocks.block[point], blocks.rank[point]
    width = int(named.max(initial=0)) + 1
    _, variable = np.unique(blocks.owner[block] * width + named, return_inverse=True)
    order = np.lexsort((events.ordinal[row], rank, variable, block))
    row, block, variable = row[order], block[order], variable[order]
    is_use = events.is_use[row]
    position = np.arange(len(row))
    setting = np.maximum.accumulate(np.where(is_use, NONE, position))
    before = np.append(np.int64(NONE), setting[:-1])[: len(row)]
    group = np.maximum.accumulate(np.where(is_first(block, variable), position, 0))
    return _Ordered(row, block, variable, events.is_def[row], is_use, np.where(before >= group, before, NONE))


def _sources(events: _Ordered, ends: tuple[Ints, Ints], exposed: Ints, size: int, first_join: int) -> _Sources:
    """The sources of the variables that have exposed uses; joins are numbered from ``first_join``."""
    wanted = np.zeros(int(events.variable.max(initial=-1)) + 1, dtype=bool)
    wanted[events.variable[exposed]] = True
    setting = np.flatnonzero(~events.is_use & wanted[events.variable])
    last = setting[~np.isin(setting, events.last[setting])]
    key, value = (
        events.variable[last] * size + events.block[last],
        np.where(events.is_def[last], events.row[last], NONE),
    )
    order = np.argsort(key)
    key, value = key[order], value[order]
    joins = _join_keys(key, ends, size)
    keys = np.union1d(key, joins)
    sources = _Sources(keys, np.full(len(keys), NONE), np.full(len(keys), NONE))
    at = sources.find(joins)
    sources.join[at] = sources.value[at] = first_join + np.arange(len(joins))
    sources.value[sources.find(key)] = value
    return sources


def _join_keys(sources: Ints, ends: tuple[Ints, Ints], size: int) -> Ints:
    """The keys of the joins: the iterated dominance frontier of each variable's sources."""
    counts = np.bincount(ends[0], minlength=size)
    starts = starts_of(counts)
    joins, active = sources[:0], sources
    while len(active):
        variable, block = active // size, active % size
        met = ends[1][spread(starts[block], counts[block])]
        found = np.setdiff1d(np.repeat(variable, counts[block]) * size + met, joins)
        joins = np.union1d(joins, found)
        active = np.setdiff1d(found, sources, assume_unique=True)
    return joins


def _innermost(sources: _Sources, tree: DominatorTree, keys: Ints) -> Ints:
    """For each key (variable * blocks + block) the row of the innermost source that strictly dominates the block.

    Sources of one variable are intervals of the tree's preorder, nested or disjoint. An open one with the depth of a
    place is the innermost around it, and the last that was opened with that depth.
    """
    size, count = len(tree.parent), len(sources.key)
    room = size + 2
    block, asked = sources.key % size, tree.parent[keys % size]
    asks = np.flatnonzero(asked != NONE)
    opens = sources.key // size * room + tree.first[block]
    closes = sources.key // size * room + tree.last[block]
    at = np.concatenate((opens, keys[asks] // size * room + tree.first[asked[asks]], closes))
    change = np.repeat((1, 0, -1), (count, len(asks), count))
    order = np.lexsort((-change, at))
    depth = np.cumsum(change[order])
    by_depth = np.argsort(depth, kind="stable")
    order, depth = order[by_depth], depth[by_depth]
    opened = np.maximum.accumulate(np.where(order < count, np.arange(len(order)), 0))
    is_ask = np.flatnonzero((change[order] == 0) & (depth > 0))
    found = np.full(len(keys), NONE)
    found[asks[order[is_ask] - count]] = order[opened[is_ask]]
    return found


def _united(
    sources: _Sources, around: Ints, blocks: Blocks, tree: DominatorTree, ends: tuple[Ints, Ints]
) -> tuple[Ints, Ints]:
    """Pairs of a join (its number) and a source that gives it a value (its row).

    ``around`` has the innermost source around each source.
    """
    size = blocks.size
    arriving = np.sort(blocks.dst * (size + 2) + tree.first[blocks.src])
    total = np.bincount(blocks.dst, minlength=size)
    counts = np.bincount(ends[0], minlength=size)
    block = sources.key % size
    source = np.repeat(np.arange(len(block)), counts[block])
    met = ends[1][spread(starts_of(counts)[block], counts[block])]
    join = sources.find(sources.key[source] // size * size + met)
    low, high = tree.first[block[source]], tree.last[block[source]]
    lead = np.searchsorted(arriving, met * (size + 2) + high, "right") - np.searchsorted(
        arriving, met * (size + 2) + low
    )
    joins = np.flatnonzero(sources.join != NONE)
    giver = np.concatenate((source, around[source], around[joins]))
    taker = np.concatenate((join, join, joins))
    edges = np.concatenate((lead, -lead, total[block[joins]]))
    pair, inverse = np.unique(giver * len(block) + taker, return_inverse=True)
    given = pair[(np.bincount(inverse, edges) > 0) & (pair >= 0)]
    return sources.join[given % len(block)], given // len(block)


def _read(sources: _Sources, tree: DominatorTree, keys: Ints) -> Ints:
    """The value at the start of a block, for each key; NONE if no definition reaches it."""
    here = sources.find(keys)
    join = np.append(sources.join, NONE)[here]
    return np.where(join != NONE, join, np.append(sources.value, NONE)[_innermost(sources, tree, keys)])


def _pruned(source: Ints, target: Ints, first_join: int) -> tuple[Ints, Ints, Ints]:
    """The pairs without unneeded joins, and the joins that remain.

    A join is unneeded if no definition leads to it, if it leads to no use, or if it has one source, which replaces it.
    """
    size = 1 + max(int(source.max(initial=-1)), int(target.max(initial=-1)), first_join)
    made = spanning_forest(size, source, target, np.unique(source[source < first_join])) != NONE
    source, target = source[made[source]], target[made[source]]
    standing = np.arange(size)  # what stands for each join
    while True:
        pair = np.unique(standing[source] + size * target)
        source, target = pair % size, pair // size
        differ = (source != target) & (standing[target] == target)
        source, target = source[differ], target[differ]
        alone = (np.bincount(target, minlength=size) == 1)[target] & (target >= first_join)
        if not alone.any():
            break
        standing[target[alone]] = source[alone]
        while (standing[standing] != standing).any():
            standing = standing[standing]
    read = spanning_forest(size, target, source, np.unique(target[target < first_join])) != NONE
    source, target = source[read[target]], target[read[target]]
    kept = np.unique(target[target >= first_join])
    number = np.arange(size)
    number[kept] = first_join + np.arange(len(kept))
    return number[source], number[target], kept - first_join
