"""Reaching definitions in one owner's control graph, for the variables that are worth it.

The classic equations over sets of bits (Aho, Lam, Sethi, Ullman: *Compilers*, 9.2.4), with three refinements. Points
that follow one another are one block. Only variables that some block uses before it defines them take part. And an
edge says how much of its block has happened: all of it, none of it (an iteration that has no item defines no target),
or any part of it (an exception).
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from typing import Literal

from flight_client.extract.control_statements import Statements
from flight_client.extract.variable_events import Binding, Event

Happened = Literal["after", "before", "during"]
Step = tuple[Binding, int | None, int | None]
Uses = dict[int, tuple[Binding, tuple[int, ...]]]

UNDEFINED = -1  # stands for the variable before any definition, and after ``del``
MOST_KEPT_APART = 8  # definitions that reach one use; where more do, none is told
MOST_BITS = 1 << 27  # of all blocks' sets together: 16 MB

_PARTIAL = frozenset({"iter", "handler"})


@dataclass(frozen=True, slots=True)
class Reached:
    """What reaches the uses of one owner.

    ``definitions``: those of the tracked variables in the order of their points; their indexes are their numbers.
    ``uses``: by the byte offset of a use, its variable and the numbers of the definitions that reach it, UNDEFINED
    first; of uses that too many reach, or that can't be reached themselves, nothing is told.
    """

    definitions: list[Event]
    uses: Uses


@dataclass(slots=True)
class _Block:
    """Points in a row. A step is a variable, the number of its definition, and the offset if it is a use instead."""

    steps: list[Step] = field(default_factory=list)
    comes_from: list[tuple[int, Happened]] = field(default_factory=list)
    exposed: dict[int, Binding] = field(default_factory=dict)
    last: dict[Binding, int] = field(default_factory=dict)
    killed: int = 0
    made: int = 0
    made_at_times: int = 0
    entering: int = 0

    def leaving(self, happened: Happened) -> int:
        """The set on a way out."""
        match happened:
            case "after":
                return self.entering & ~self.killed | self.made
            case "before":
                return self.entering
            case "during":
                return self.entering | self.made_at_times


def reaching(built: Statements, tracked: Collection[Binding]) -> Reached:
    """The definitions that reach the uses of the tracked variables."""
    definitions: list[Event] = []
    steps = [_steps(events, tracked, definitions) for _, _, events in built.points]
    blocks = _blocks(built, steps)
    uses: Uses = {}
    exposed: set[Binding] = set()
    for block in blocks:
        _within(block, uses)
        exposed.update(block.exposed.values())
    if exposed:
        _across(blocks, exposed, definitions, uses)
    return Reached(definitions, uses)


def _steps(events: Iterable[Event], tracked: Collection[Binding], definitions: list[Event]) -> list[Step]:
    """The steps of a point; appends its definitions."""
    steps: list[Step] = []
    for event in events:
        binding, kind, start, _ = event
        if binding not in tracked:
            continue
        if kind == "use":
            steps.append((binding, None, start))
        elif kind == "kill":
            steps.append((binding, UNDEFINED, None))
        else:
            steps.append((binding, len(definitions), None))
            definitions.append(event)
    return steps


def _blocks(built: Statements, steps: list[list[Step]]) -> list[_Block]:
    """Runs of points of which each but the first comes from the one before alone; exceptions go the same ways."""
    size = built.graph.size
    into: list[list[int]] = [[] for _ in range(size)]
    out = [0] * size
    ways: list[list[tuple[int, Happened]]] = [[] for _ in range(size)]
    raising: list[frozenset[int]] = [frozenset()] * size
    kinds = [point[0] for point in built.points]
    for source, target, kind in built.graph.edges:
        into[target].append(source)
        if kind == "exc":
            raising[source] |= {target}
            ways[target].append((source, "during"))
        else:
            out[source] += 1
            is_partial = kinds[source] in _PARTIAL and kind != "true"
            ways[target].append((source, "before" if is_partial else "after"))
    blocks: list[_Block] = []
    starts: list[int] = []
    block_of = []
    for point in range(size):
        before = point - 1
        follows = into[point] == [before] and out[before] == 1 and ways[point][0][1] == "after"
        if not follows or raising[point] != raising[before] or kinds[point] in _PARTIAL:
            blocks.append(_Block())
            starts.append(point)
        blocks[-1].steps += steps[point]
        block_of.append(len(blocks) - 1)
    for block, start in zip(blocks, starts, strict=True):
        block.comes_from = list(dict.fromkeys((block_of[source], happened) for source, happened in ways[start]))
    return blocks


def _within(block: _Block, uses: Uses) -> None:
    """Tell the uses that a definition in the block itself reaches; keep the others as exposed."""
    last = block.last
    for binding, number, use in block.steps:
        if number is not None:
            last[binding] = number
        elif use is not None:
            found = last.get(binding)
            if found is None:
                block.exposed[use] = binding
            else:
                uses[use] = (binding, (found,))


def _across(blocks: list[_Block], exposed: Collection[Binding], definitions: list[Event], uses: Uses) -> None:
    """Tell the uses that definitions in other blocks reach."""
    numbers: dict[Binding, list[int]] = {binding: [UNDEFINED] for binding in exposed}
    for number, (binding, *_) in enumerate(definitions):
        if binding in numbers:
            numbers[binding].append(number)
    first: dict[Binding, int] = {}
    bit_of: dict[tuple[Binding, int], int] = {}
    total = 0
    for binding, found in numbers.items():
        first[binding] = total
        for number in found:
            bit_of[binding, number] = 1 << total
            total += 1
    work = len(blocks) + sum(len(block.exposed) for block in blocks)
    if total * work > MOST_BITS:
        return
    masks = {binding: ((1 << len(found)) - 1) << first[binding] for binding, found in numbers.items()}
    for block in blocks:
        for binding, made, _ in block.steps:
            if made is not None and binding in masks:
                block.made_at_times |= bit_of[binding, made]
        for binding, last in block.last.items():
            if binding in masks:
                block.killed |= masks[binding]
                block.made |= bit_of[binding, last]
    undefined = sum(1 << at for at in first.values())
    _solve(blocks, undefined)
    for block in blocks:
        for use, binding in block.exposed.items():
            entering = (block.entering & masks[binding]) >> first[binding]
            if 0 < entering.bit_count() <= MOST_KEPT_APART:
                known = numbers[binding]
                uses[use] = (binding, tuple([known[at] for at in _ones(entering)]))


def _solve(blocks: list[_Block], undefined: int) -> None:
    """Turns in the order of the source, until nothing changes: about as many as loops are nested."""
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


def _ones(bits: int) -> list[int]:
    """The positions of the bits that are set, ascending."""
    found = []
    while bits:
        lowest = bits & -bits
        found.append(lowest.bit_length() - 1)
        bits ^= lowest
    return found
