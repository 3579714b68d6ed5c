"""Reaching definitions: the definitions of a variable that may have given it the value that a use reads.

All owners (functions, classes, modules, code objects) are solved at once. Within a block the last definition before a
use reaches it. Definitions from other blocks are solved with one bit each, in slices of words, because definitions do
not depend on each other. A definition reaches only uses in the code of its own owner, since one owner's code does not
show when other code sets and reads a closure's or global variable.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from flight_server.kernels.arrays import Bools, Ints, is_first, starts_of
from flight_server.kernels.bit_vectors import (
    WORD,
    Edges,
    Effects,
    Words,
    layers,
    masks_of_runs,
    scatter,
    scatter_runs,
    set_bits,
    solve,
)
from flight_server.kernels.block_graph import Blocks, FlowGraph, Way, blocks_of

PIECE = 1 << 18  # words that are unpacked at a time, into 16 MB


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
class _Ordered:
    """The events of points that may run, by block, variable and order; ``row`` is an event's number in ``Events``.

    ``variable`` numbers the variables of all owners. ``last`` is the position of the variable's last definition or kill
    before the event in its block; -1 if there is none, and then a use is exposed to other blocks.
    """

    row: Ints
    block: Ints
    variable: Ints
    is_def: Bools
    is_use: Bools
    last: Ints


@dataclass(frozen=True)
class _Bits:
    """The definitions that may reach an exposed use; each has a bit, numbered within its owner.

    ``event`` has their positions in ``_Ordered``, by owner and bit; owner o has ``counts[o]`` of them from
    ``starts[o]`` on. The bits of one variable are adjacent: ``many[v]`` bits from ``first[v]`` on.
    """

    event: Ints
    starts: Ints
    counts: Ints
    first: Ints
    many: Ints


def reaching_definitions(graph: FlowGraph, events: Events) -> tuple[Ints, Ints]:
    """Pairs of a definition and a use that it may reach, as rows of ``events``, sorted by use and definition."""
    blocks = blocks_of(graph)
    ordered = _ordered(events, blocks)
    defs, uses = (ordered.row[positions] for positions in _pairs(ordered, blocks))
    order = np.lexsort((defs, uses))
    return defs[order], uses[order]


def _ordered(events: Events, blocks: Blocks) -> _Ordered:
    row = np.flatnonzero(events.point >= 0)
    row = row[blocks.reached[events.point[row]]]
    point, named = events.point[row], events.variable[row]
    block, rank = blocks.block[point], blocks.rank[point]
    width = int(named.max(initial=0)) + 1
    _, variable = np.unique(blocks.owner[block] * width + named, return_inverse=True)
    order = np.lexsort((events.ordinal[row], rank, variable, block))
    row, block, variable = row[order], block[order], variable[order]
    is_use = events.is_use[row]
    position = np.arange(len(row))
    setting = np.maximum.accumulate(np.where(is_use, -1, position))
    before = np.append(np.int64(-1), setting[:-1])[: len(row)]
    group = np.maximum.accumulate(np.where(is_first(block, variable), position, 0))
    return _Ordered(row, block, variable, events.is_def[row], is_use, np.where(before >= group, before, -1))


def _pairs(events: _Ordered, blocks: Blocks) -> tuple[Ints, Ints]:
    """Positions of definitions, and of the uses that each reaches."""
    inside = np.flatnonzero(events.is_use & (events.last >= 0))
    inside = inside[events.is_def[events.last[inside]]]
    exposed = np.flatnonzero(events.is_use & (events.last < 0))
    bits = _bits(events, blocks, exposed)
    exposed = exposed[bits.many[events.variable[exposed]] > 0]
    defs, uses = [events.last[inside]], [inside]
    for low, high in layers(bits.counts):
        for some_defs, some_uses in _arriving(events, blocks, bits, exposed, (low, high)):
            defs.append(some_defs)
            uses.append(some_uses)
    return np.concatenate(defs), np.concatenate(uses)


def _bits(events: _Ordered, blocks: Blocks, exposed: Ints) -> _Bits:
    variables = int(events.variable.max(initial=-1)) + 1
    wanted = np.zeros(variables, dtype=bool)
    wanted[events.variable[exposed]] = True
    found = np.flatnonzero(events.is_def & wanted[events.variable])
    found = found[np.argsort(events.variable[found], kind="stable")]  # variables are numbered by owner
    counts = np.bincount(blocks.owner[events.block[found]], minlength=blocks.owners)
    starts = starts_of(counts)
    many = np.bincount(events.variable[found], minlength=variables)
    first = np.zeros(variables, np.int64)
    leads = np.flatnonzero(is_first(events.variable[found]))
    first[events.variable[found[leads]]] = leads - starts[blocks.owner[events.block[found[leads]]]]
    return _Bits(found, starts, counts, first, many)


def _arriving(
    events: _Ordered, blocks: Blocks, bits: _Bits, exposed: Ints, words: tuple[int, int]
) -> Iterator[tuple[Ints, Ints]]:
    """The pairs whose definition has its bit in these words."""
    low, high = words
    chosen = np.flatnonzero(bits.counts[blocks.owner] > low * WORD)
    number = np.full(blocks.size, -1)
    number[chosen] = np.arange(len(chosen))
    arrived = _solved(events, blocks, bits, number, words)
    uses = exposed[number[events.block[exposed]] >= 0]
    variable = events.variable[uses]
    run, word, mask = masks_of_runs(bits.first[variable], bits.many[variable], low, high)
    for start in range(0, len(run), PIECE):
        piece = slice(start, start + PIECE)
        use = uses[run[piece]]
        held = arrived[number[events.block[use]], word[piece]] & mask[piece]
        which, place = set_bits(held)
        bit = (low + word[piece][which]) * WORD + place
        use = use[which]
        yield bits.event[bits.starts[blocks.owner[events.block[use]]] + bit], use


def _solved(events: _Ordered, blocks: Blocks, bits: _Bits, number: Ints, words: tuple[int, int]) -> Words:
    """The bits that arrive at each block that has a ``number``."""
    size = int(number.max(initial=-1)) + 1
    bit = np.arange(len(bits.event)) - np.repeat(bits.starts, bits.counts)
    here = number[events.block[bits.event]] >= 0
    during = scatter(number[events.block[bits.event[here]]], bit[here], *words, size)
    set_here = np.flatnonzero(~events.is_use & (number[events.block] >= 0))
    followed = np.zeros(len(events.row), dtype=bool)
    followed[events.last[set_here[events.last[set_here] >= 0]]] = True
    last = set_here[~followed[set_here]]
    variable = events.variable[last]
    killed = scatter_runs(number[events.block[last]], bits.first[variable], bits.many[variable], *words, size)
    stays = here & ~followed[bits.event]
    after = scatter(number[events.block[bits.event[stays]]], bit[stays], *words, size)
    nothing = np.zeros_like(after)
    by_way = {Way.AFTER: (after, killed), Way.BEFORE: (nothing, nothing), Way.DURING: (during, nothing)}
    effects = Effects(*(np.stack([by_way[way][of] for way in Way]) for of in (0, 1)))
    inside = np.flatnonzero((number[blocks.src] >= 0) & (number[blocks.dst] >= 0))
    edges = Edges(number[blocks.src[inside]], number[blocks.dst[inside]], blocks.way[inside])
    return solve(edges, effects, nothing.copy())
