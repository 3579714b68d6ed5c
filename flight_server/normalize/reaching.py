"""Reaching definitions: which definitions of a variable may have given it the value that a use reads.

A kernel over one part: all its functions, classes, comprehensions and modules at once. Within a block the last
definition before a use reaches it; what comes from other blocks is solved with a bit for each definition, in slices of
words, since definitions do not depend on each other. Definitions are those in the code of the same owner: what a
closure or a global name reads was given elsewhere, at a time that its own code does not tell.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from arrowdsl.plan.nodes import Kernel, KernelFunction, Plan
from flight_server.normalize.bits import (
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
from flight_server.normalize.blocks import Blocks, Bools, Ints, Way, blocks_of, codes, rows_of

_EVENTS = ("file_id", "path", "event_id", "point_id", "ordinal", "binding_id", "kind")
_POINTS = ("point_id", "owner_def_id", "kind")
_FLOW = ("src", "dst", "kind")
PIECE = 1 << 18  # words looked at together: 16 MB of bits, if all are set


def reaching_defs(var_events: Plan, cfg_points: Plan, cfg_flow: Plan) -> Plan:
    """file_id, path, def_event_id, use_event_id, binding_id."""
    function = KernelFunction(
        name="reaching_defs",
        version=1,
        apply=reaching_rows,
        needs=_EVENTS,
        replaces_columns=True,
        side_needs=(_POINTS, _FLOW),
    )
    sides = (cfg_points.select(*_POINTS), cfg_flow.select(*_FLOW))
    return Kernel(var_events.select(*_EVENTS), function, sides)


@dataclass(frozen=True)
class _Events:
    """The events of points that may run, by block, variable and evaluation; ``row`` is an event's row in the table.

    ``variable`` numbers the variables of all owners. ``last`` is the position of the last definition or kill of the
    variable before the event in its block, -1 if there is none: then a use is exposed to what comes from other blocks.
    """

    row: Ints
    block: Ints
    variable: Ints
    is_def: Bools
    is_use: Bools
    last: Ints


@dataclass(frozen=True)
class _Bits:
    """The definitions that may reach an exposed use, numbered within their owner: a bit for each.

    ``event`` are their positions, by owner and bit, those of owner o from ``starts[o]`` on, ``counts[o]`` of them. The
    definitions of one variable lie side by side: ``first[v]`` is the first bit, ``many[v]`` their number.
    """

    event: Ints
    starts: Ints
    counts: Ints
    first: Ints
    many: Ints


def reaching_rows(events: pa.Table, points: pa.Table, flow: pa.Table) -> pa.Table:
    """The rows of ``reaching_defs``, of tables with its columns."""
    blocks = blocks_of(points, flow)
    ordered = _ordered(events, points, blocks)
    defs, uses = _pairs(ordered, blocks)
    found = np.lexsort((ordered.row[defs], ordered.row[uses]))
    def_rows, use_rows = pa.array(ordered.row[defs[found]]), pa.array(ordered.row[uses[found]])
    return pa.table(
        {
            "file_id": events.column("file_id").take(use_rows),
            "path": events.column("path").take(use_rows),
            "def_event_id": events.column("event_id").take(def_rows),
            "use_event_id": events.column("event_id").take(use_rows),
            "binding_id": events.column("binding_id").take(use_rows),
        }
    )


def _ordered(events: pa.Table, points: pa.Table, blocks: Blocks) -> _Events:
    point = rows_of(events.column("point_id"), points.column("point_id"))
    valid = np.asarray(pc.is_valid(events.column("binding_id")))
    row = np.flatnonzero((point >= 0) & valid)
    row = row[blocks.reached[point[row]]]
    point = point[row]
    block, rank = blocks.block[point], blocks.rank[point]
    binding = codes(events.column("binding_id"))[row]
    width = int(binding.max(initial=0)) + 1
    _, variable = np.unique(blocks.owner[block] * width + binding, return_inverse=True)
    ordinal = np.asarray(pc.fill_null(events.column("ordinal"), 0))[row]
    order = np.lexsort((ordinal, rank, variable, block))
    row, block, variable = row[order], block[order], variable[order]
    kind = events.column("kind").take(pa.array(row))
    is_def, is_use = (np.asarray(pc.is_in(kind, pa.array(kinds))) for kinds in (("def", "param"), ("use",)))
    position = np.arange(len(row))
    setting = np.maximum.accumulate(np.where(is_use, -1, position))
    before = np.append(np.int64(-1), setting[:-1])[: len(row)]
    starts_group = (np.diff(block, prepend=-1) != 0) | (np.diff(variable, prepend=-1) != 0)
    group = np.maximum.accumulate(np.where(starts_group, position, 0))
    return _Events(row, block, variable, is_def, is_use, np.where(before >= group, before, -1))


def _pairs(events: _Events, blocks: Blocks) -> tuple[Ints, Ints]:
    """Positions of definitions and of the uses that they reach."""
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


def _bits(events: _Events, blocks: Blocks, exposed: Ints) -> _Bits:
    variables = int(events.variable.max(initial=-1)) + 1
    wanted = np.zeros(variables, dtype=bool)
    wanted[events.variable[exposed]] = True
    found = np.flatnonzero(events.is_def & wanted[events.variable])
    found = found[np.argsort(events.variable[found], kind="stable")]  # variables are numbered by owner
    owners = int(blocks.owner.max(initial=-1)) + 1
    counts = np.bincount(blocks.owner[events.block[found]], minlength=owners)
    starts = np.cumsum(counts) - counts
    many = np.bincount(events.variable[found], minlength=variables)
    first = np.zeros(variables, np.int64)
    leads = np.flatnonzero(np.diff(events.variable[found], prepend=-1))
    first[events.variable[found[leads]]] = leads - starts[blocks.owner[events.block[found[leads]]]]
    return _Bits(found, starts, counts, first, many)


def _arriving(
    events: _Events, blocks: Blocks, bits: _Bits, exposed: Ints, words: tuple[int, int]
) -> Iterator[tuple[Ints, Ints]]:
    """The pairs whose definition has its bit in these words, for owners that have so many."""
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


def _solved(events: _Events, blocks: Blocks, bits: _Bits, number: Ints, words: tuple[int, int]) -> Words:
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
