"""Basic blocks of a code object, and the block_edges between them, from its instructions and its exception table.

A block begins at the first instruction, where a jump or an exception leads, after what jumps or ends, and where the
range of an entry of the exception table begins or ends: so a block as a whole is covered by one entry or by none.
"""

import dis
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

RETURNS_OR_RAISES = frozenset({"RETURN_VALUE", "RETURN_CONST", "RAISE_VARARGS", "RERAISE"})
UNCONDITIONAL = frozenset({"JUMP_FORWARD", "JUMP_BACKWARD", "JUMP_BACKWARD_NO_INTERRUPT"})
# In 3.14 this one has a target that only tells where the loop begins; control never goes there.
_JUMPS = frozenset(dis.hasjrel + dis.hasjabs) - {dis.opmap["END_ASYNC_FOR"]}
_CODE_UNIT = 2  # bytes; the exception table counts in these
_MORE, _START, _BITS = 0x40, 0x80, 6


@dataclass(frozen=True)
class ExceptionEntry:
    """Where an exception raised in ``[start, end)`` leads: byte offsets in the code, and the stack to restore."""

    start: int
    end: int
    target: int
    depth: int
    lasti: bool


@dataclass(frozen=True)
class BasicBlock:
    """A basic block: ``[start, end)`` in the code; ``kind`` is entry, handler (an exception leads here) or body."""

    start: int
    end: int
    kind: str


@dataclass(frozen=True)
class BlockEdge:
    """Control goes from block to block: ``kind`` is next, true, false or exc.

    ``condition`` is the offset of the instruction that decides between true and false. True means that the value
    tested is true, that it is (or is not) None where that is asked for, or that an iterator or awaitable gave a value.
    """

    source: int
    target: int
    kind: str
    condition: int | None = None
    exc_index: int | None = None


def exception_entries(table: bytes) -> tuple[ExceptionEntry, ...]:
    """The entries of ``co_exceptiontable`` (format: Objects/exception_handling_notes.txt in CPython)."""
    numbers = list(_varints(table))
    return tuple(
        ExceptionEntry(
            start=start * _CODE_UNIT,
            end=(start + size) * _CODE_UNIT,
            target=target * _CODE_UNIT,
            depth=depth_and_lasti >> 1,
            lasti=bool(depth_and_lasti & 1),
        )
        for start, size, target, depth_and_lasti in zip(*[iter(numbers)] * 4, strict=True)
    )


def _varints(table: bytes) -> Iterator[int]:
    value = 0
    for byte in table:
        value = (value << _BITS) | (byte & ~(_MORE | _START))
        if not byte & _MORE:
            yield value
            value = 0


def jump_target(instruction: dis.Instruction) -> int | None:
    """The offset that a jump leads to; null for any other instruction."""
    return int(instruction.argval) if instruction.opcode in _JUMPS else None


def basic_blocks(
    instructions: Sequence[dis.Instruction], entries: Sequence[ExceptionEntry], size: int
) -> tuple[BasicBlock, ...]:
    """The blocks of a code object of ``size`` bytes, in the order of their offsets."""
    leaders = {0}
    for instruction, following in pairwise(instructions):
        target = jump_target(instruction)
        if target is not None:
            leaders.add(target)
        if target is not None or instruction.opname in RETURNS_OR_RAISES:
            leaders.add(following.offset)
    handlers = {entry.target for entry in entries}
    leaders |= handlers.union(*((entry.start, entry.end) for entry in entries))
    if instructions and (last := jump_target(instructions[-1])) is not None:
        leaders.add(last)
    starts = [instruction.offset for instruction in instructions if instruction.offset in leaders]
    return tuple(
        BasicBlock(start, end, "entry" if start == 0 else "handler" if start in handlers else "body")
        for start, end in pairwise([*starts, size])
    )


def block_edges(
    instructions: Sequence[dis.Instruction], blocks: Sequence[BasicBlock], entries: Sequence[ExceptionEntry]
) -> Iterator[BlockEdge]:
    """The block_edges out of each block: those that its last instruction makes, then where an exception in it leads.

    An exception table is sorted, and its ranges don't overlap.
    """
    starts, ranges = [block.start for block in blocks], [entry.start for entry in entries]
    offsets = [instruction.offset for instruction in instructions]
    for number, block in enumerate(blocks):
        last = instructions[bisect_left(offsets, block.end) - 1]
        target = jump_target(last)
        yield from _after(last, number, None if target is None else bisect_left(starts, target), len(blocks))
        index = bisect_right(ranges, block.start) - 1
        if index >= 0 and block.start < entries[index].end:
            yield BlockEdge(number, bisect_left(starts, entries[index].target), "exc", exc_index=index)


def _after(last: dis.Instruction, block: int, target: int | None, count: int) -> Iterator[BlockEdge]:
    if target is None:
        if last.opname not in RETURNS_OR_RAISES and block + 1 < count:
            yield BlockEdge(block, block + 1, "next")
    elif last.opname in UNCONDITIONAL:
        yield BlockEdge(block, target, "next")
    else:
        jump, fall = ("false", "true") if _jumps_when_false(last.opname) else ("true", "false")
        yield BlockEdge(block, target, jump, condition=last.offset)
        yield BlockEdge(block, block + 1, fall, condition=last.offset)


def _jumps_when_false(opname: str) -> bool:
    """FOR_ITER and SEND jump when there is no further value."""
    return "IF_FALSE" in opname or opname in {"FOR_ITER", "SEND"}
