"""Basic blocks of a code object, and the edges between them, from its instructions and its exception table.

A block begins at the first instruction, at the target of a jump or an exception, after a jump, return or raise, and
where the range of an entry of the exception table begins or ends. So each block is covered by one entry or by none.
"""

import dis
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

RETURNS_OR_RAISES = frozenset({"RETURN_VALUE", "RETURN_CONST", "RAISE_VARARGS", "RERAISE"})
UNCONDITIONAL = frozenset({"JUMP_FORWARD", "JUMP_BACKWARD", "JUMP_BACKWARD_NO_INTERRUPT"})
# In 3.14, END_ASYNC_FOR has a target that only marks where the loop begins; control never goes there.
_JUMPS = frozenset(dis.hasjrel + dis.hasjabs) - {dis.opmap["END_ASYNC_FOR"]}
# An edge between blocks: source, target, kind (next, true, false, exc), the offset of the instruction that decides
# between true and false, the index of the exception entry. ``true`` means that the tested value is true, or that a test
# for (not) None holds, or that an iterator or awaitable returned a value.
BlockEdge = tuple[int, int, str, int | None, int | None]

_CODE_UNIT = 2  # bytes; the exception table counts in these
_MORE, _START, _BITS = 0x40, 0x80, 6


@dataclass(frozen=True)
class ExceptionEntry:
    """The target of an exception raised in ``[start, end)``: byte offsets in the code, and the stack to restore."""

    start: int
    end: int
    target: int
    depth: int
    lasti: bool


@dataclass(frozen=True)
class BasicBlock:
    """A basic block: ``[start, end)`` in the code; ``kind`` is entry, handler (the target of an exception) or body."""

    start: int
    end: int
    kind: str


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
    """The offset that a jump leads to; None for any other instruction."""
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
    """The edges from each block: those of its last instruction, then that of an exception in the block.

    The entries of an exception table are sorted, and their ranges don't overlap.
    """
    starts, ranges = [block.start for block in blocks], [entry.start for entry in entries]
    offsets = [instruction.offset for instruction in instructions]
    for number, block in enumerate(blocks):
        last = instructions[bisect_left(offsets, block.end) - 1]
        target = jump_target(last)
        if target is None:
            if last.opname not in RETURNS_OR_RAISES and number + 1 < len(blocks):
                yield number, number + 1, "next", None, None
        elif last.opname in UNCONDITIONAL:
            yield number, bisect_left(starts, target), "next", None, None
        else:
            # FOR_ITER and SEND jump if there is no next value.
            jumps_when_false = "IF_FALSE" in last.opname or last.opname in {"FOR_ITER", "SEND"}
            yield number, bisect_left(starts, target), "false" if jumps_when_false else "true", last.offset, None
            yield number, number + 1, "true" if jumps_when_false else "false", last.offset, None
        index = bisect_right(ranges, block.start) - 1
        if index >= 0 and block.start < entries[index].end:
            yield number, bisect_left(starts, entries[index].target), "exc", None, index
