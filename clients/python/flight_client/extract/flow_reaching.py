"""Reaching definitions in one owner's control graph, for the variables whose definitions have separate places.

The rows of the layer ``flow`` contain these places, so reaching definitions are solved during extraction and not, like
all other data flow, where the graph is built (``docs/decisions.md``). The method is the classic equations over bit sets
(Aho, Lam, Sethi, Ullman: *Compilers*, 9.2.4), with three refinements. Consecutive points form one block. Only variables
that some block uses before it defines them are solved across blocks. And an edge says how much of its block has been
executed: all of it, nothing (an iteration without an item defines no target), or any part of it (an exception).
"""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Literal

from flight_client.extract.control_graph import ControlGraph
from flight_client.extract.variable_events import Binding, Event

Happened = Literal["after", "before", "during"]
Uses = dict[int, tuple[Binding, tuple[int, ...]]]

UNDEFINED = -1  # stands for the variable before any definition, and after ``del``
MOST_SEPARATE = 8  # definitions that reach one use; a use with more is left out
MOST_BITS = 1 << 27  # in the sets of all blocks together: 16 MB

_PARTIAL = frozenset({"iter", "handler"})


@dataclass(frozen=True, slots=True)
class Reached:
    """The definitions that reach the uses of one owner.

    ``definitions`` has the definitions of the tracked variables in the order of their points; the index of a definition
    is its number. ``uses`` has, by the byte offset of a use, its variable and the numbers of the definitions that reach
    it, UNDEFINED first. Unreachable uses, and those that more than MOST_SEPARATE definitions reach, are left out.
    """

    definitions: list[Event]
    uses: Uses


@dataclass(slots=True)
class _Block:
    """Consecutive points. ``made`` has the numbers of its definitions in order, ``last`` the last one of each variable.

    ``exposed`` has the uses, by offset, that no definition in the block reaches. The integer fields are sets with a bit
    for each definition.
    """

    comes_from: list[tuple[int, Happened]] = field(default_factory=list)
    made: list[tuple[Binding, int]] = field(default_factory=list)
    last: dict[Binding, int] = field(default_factory=dict)
    exposed: dict[int, Binding] = field(default_factory=dict)
    killed: int = 0
    at_end: int = 0
    sometimes: int = 0
    entering: int = 0

    def leaving(self, happened: Happened) -> int:
        """The definitions that leave the block on an edge of this kind."""
        match happened:
            case "after":
                return self.entering & ~self.killed | self.at_end
            case "before":
                return self.entering
            case "during":
                return self.entering | self.sometimes


def reaching(graph: ControlGraph, tracked: Collection[Binding]) -> Reached:
    """The definitions that reach the uses of the tracked variables."""
    found = Reached([], {})
    blocks, block_of = _blocks(graph)
    for number, (_, _, events) in zip(block_of, graph.points, strict=True):
        _add_point(blocks[number], events, tracked, found)
    exposed = dict.fromkeys(binding for block in blocks for binding in block.exposed.values())
    if exposed:
        _across(blocks, exposed, found)
    return found


def _blocks(graph: ControlGraph) -> tuple[list[_Block], list[int]]:
    """The blocks, and the block of each point.

    Each point of a block is the only successor of the point before, and has the same targets for exceptions.
    """
    kinds = [point[0] for point in graph.points]
    into: list[list[tuple[int, Happened]]] = [[] for _ in kinds]
    out = [0] * len(kinds)
    raising: list[frozenset[int]] = [frozenset()] * len(kinds)
    for source, target, kind in graph.edges:
        if kind == "exc":
            raising[source] |= {target}
            into[target].append((source, "during"))
        else:
            out[source] += 1
            into[target].append((source, "before" if kinds[source] in _PARTIAL and kind != "true" else "after"))
    starts: list[int] = []
    block_of: list[int] = []
    for point, point_kind in enumerate(kinds):
        before = point - 1
        follows = into[point] == [(before, "after")] and out[before] == 1
        if not follows or raising[point] != raising[before] or point_kind in _PARTIAL:
            starts.append(point)
        block_of.append(len(starts) - 1)
    blocks = [
        _Block(list({(block_of[source], happened): None for source, happened in into[start]})) for start in starts
    ]
    return blocks, block_of


def _add_point(block: _Block, events: Iterable[Event], tracked: Collection[Binding], found: Reached) -> None:
    """Add a point's definitions to its block, and its uses to ``found`` or to the block's exposed uses."""
    for event in events:
        binding, kind, start, _ = event
        if binding not in tracked:
            continue
        if kind != "use":
            number = UNDEFINED
            if kind != "kill":
                number = len(found.definitions)
                found.definitions.append(event)
            block.made.append((binding, number))
            block.last[binding] = number
        elif start is not None:
            if binding in block.last:
                found.uses[start] = (binding, (block.last[binding],))
            else:
                block.exposed[start] = binding


def _across(blocks: list[_Block], exposed: Iterable[Binding], found: Reached) -> None:
    """Add the uses that definitions in other blocks reach.

    A definition's bit is its number; the bits of each variable's UNDEFINED follow.
    """
    count = len(found.definitions)
    undefined = {binding: 1 << (count + number) for number, binding in enumerate(exposed)}
    masks = dict(undefined)
    for number, (binding, *_) in enumerate(found.definitions):
        if binding in masks:
            masks[binding] |= 1 << number
    work = len(blocks) + sum(len(block.exposed) for block in blocks)
    if sum(mask.bit_count() for mask in masks.values()) * work > MOST_BITS:
        return
    for block in blocks:
        bits = [
            (binding, undefined[binding] if made == UNDEFINED else 1 << made)
            for binding, made in block.made
            if binding in masks
        ]
        for binding, bit in bits:
            block.sometimes |= bit
            block.killed |= masks[binding]
        for bit in dict(bits).values():
            block.at_end |= bit
    _solve(blocks, sum(undefined.values()))
    for block in blocks:
        for use, binding in block.exposed.items():
            reached = block.entering & masks[binding]
            if 0 < reached.bit_count() <= MOST_SEPARATE:
                first = (UNDEFINED,) if reached & undefined[binding] else ()
                found.uses[use] = (binding, (*first, *_ones(reached & ~undefined[binding])))


def _solve(blocks: list[_Block], undefined: int) -> None:
    """Run rounds in source order until nothing changes; their number is about the depth of nested loops."""
    changed = True
    while changed:
        changed = False
        for number, block in enumerate(blocks):
            entering = 0 if number else undefined
            for source, happened in block.comes_from:
                entering |= blocks[source].leaving(happened)
            if entering != block.entering:
                block.entering = entering
                changed = True


def _ones(bits: int) -> Iterator[int]:
    """The positions of the set bits, ascending."""
    while bits:
        lowest = bits & -bits
        yield lowest.bit_length() - 1
        bits ^= lowest
