"""The bytecode of a file, as the running interpreter compiles it: code units, instructions, blocks. Nothing is run.

The walked tree is compiled, so a file is parsed once, and positions in f-strings are right on 3.11 too. A code unit
belongs to the definition at the position of the instruction that loads it; units that the compiler adds (scopes of type
parameters, functions that compute annotations) belong to no definition. A ``finally`` body is compiled twice, so a
definition may have two units. Code that the compiler removes as unreachable has no unit.

Ids contain paths and ordinals, no offsets in the source.
"""

import ast
import dis
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass, field
from types import CodeType

from flight_client.extract.basic_blocks import (
    basic_blocks,
    block_edges,
    exception_entries,
    jump_target,
)
from flight_client.extract.constants import Constant
from flight_client.extract.interpreter import PARSE_DEPTH, recursion
from flight_client.extract.lexical_scopes import LexicalScope
from flight_client.extract.node_rows import TEXT_CHARACTERS
from flight_client.extract.raw_rows import Columns, columns_of
from flight_client.extract.source_text import printable
from flight_client.extract.walk import Row, Walk

PYTHON_VERSION = f"{sys.version_info.major}.{sys.version_info.minor}"

Place = tuple[int | None, int | None, str]  # the line and the byte column where a definition begins, and its name

# The compiler can raise any of these over a tree that parses.
_COMPILE_ERRORS = (SyntaxError, ValueError, TypeError, RecursionError, MemoryError, OverflowError)


@dataclass
class _Rows:
    """The rows of a file's code units by table; ``definitions`` maps positions and names to definitions."""

    file_id: str
    definitions: Mapping[Place, LexicalScope]
    units: list[Row] = field(default_factory=list)
    instructions: list[Row] = field(default_factory=list)
    exceptions: list[Row] = field(default_factory=list)
    blocks: list[Row] = field(default_factory=list)
    edges: list[Row] = field(default_factory=list)
    ordinals: Counter[str] = field(default_factory=Counter)

    def add(self, module: CodeType, definition: LexicalScope) -> None:
        """Add the module's code unit and all units inside it, in preorder."""
        pending: list[tuple[CodeType, str | None, LexicalScope | None]] = [(module, None, definition)]
        while pending:
            code, parent, found = pending.pop()
            path = code.co_qualname
            self.ordinals[path] += 1
            unit = f"code:{self.file_id}:{path}#{self.ordinals[path]}"
            names = (parent, found, PYTHON_VERSION, path, code.co_name, code.co_firstlineno)
            counts = (code.co_argcount, code.co_posonlyargcount, code.co_kwonlyargcount, code.co_nlocals)
            self.units.append((unit, *names, *counts, code.co_flags, code.co_stacksize, len(code.co_code)))
            instructions = list(dis.get_instructions(_with_plain_constants(code)))
            self._add_blocks(unit, instructions, code)
            pending += [(inner, unit, self.definitions.get(place)) for inner, place in reversed(_loaded(instructions))]

    def _add_blocks(self, unit: str, instructions: Sequence[dis.Instruction], code: CodeType) -> None:
        entries = exception_entries(code.co_exceptiontable)
        blocks = basic_blocks(instructions, entries, len(code.co_code))
        starts = {block.start: number for number, block in enumerate(blocks)}
        indexes: dict[int | None, int] = {}
        block = 0
        for index, instruction in enumerate(instructions):
            block = starts.get(instruction.offset, block)
            indexes[instruction.offset] = index
            self.instructions.append((unit, block, index, *_instruction(instruction)))
        self.exceptions += [(unit, index, *astuple(entry)) for index, entry in enumerate(entries)]
        self.blocks += [(unit, number, found.start, found.end, found.kind) for number, found in enumerate(blocks)]
        for source, target, kind, condition, entry_index in block_edges(instructions, blocks, entries):
            self.edges.append((unit, source, target, kind, indexes.get(condition), entry_index))


def bytecode_tables(tree: ast.Module, walk: Walk) -> dict[str, Columns]:
    """The columns of the ``bc_*`` tables for a file, in the order of ``raw_rows.ROWS``.

    A file that does not compile gives only a row of ``bc_errors``.
    """
    try:
        flags = 0 if walk.source.cells is None else ast.PyCF_ALLOW_TOP_LEVEL_AWAIT  # as in IPython
        with recursion(PARSE_DEPTH):
            code = compile(tree, "<source>", "exec", flags, dont_inherit=True, optimize=0)
    except _COMPILE_ERRORS as error:
        message = error.msg if isinstance(error, SyntaxError) else str(error)
        return {"bc_errors": columns_of([(type(error).__name__, printable(message or ""))])}
    rows = _Rows(walk.file_id, _definitions(walk))
    rows.add(code, walk.scopes[0])
    return {
        "bc_code_units": columns_of(rows.units),
        "bc_instructions": columns_of(rows.instructions),
        "bc_exception_table": columns_of(rows.exceptions),
        "bc_blocks": columns_of(rows.blocks),
        "bc_cfg_edges": columns_of(rows.edges),
    }


def _definitions(walk: Walk) -> dict[Place, LexicalScope]:
    return {
        (node.lineno, node.col_offset, scope.name): scope
        for node, scope in walk.opened.items()
        if isinstance(node, ast.stmt | ast.expr) and scope.kind != "type_params"
    }


def _with_plain_constants(code: CodeType) -> CodeType:
    """The code with wrapped constants, whose ``repr`` (which ``dis`` calls) is short and equal in every process."""
    return code.replace(co_consts=tuple(map(Constant, code.co_consts)))


def _loaded(instructions: Sequence[dis.Instruction]) -> list[tuple[CodeType, Place]]:
    """The code objects that are loaded, in source order, with the positions of their definitions."""
    found = []
    for instruction in instructions:
        code = instruction.argval.value if isinstance(instruction.argval, Constant) else None
        if isinstance(code, CodeType):
            where = instruction.positions
            line, column = (None, None) if where is None else (where.lineno, where.col_offset)
            found.append((code, (line, column, code.co_name)))
    return sorted(found, key=lambda loaded: (loaded[0].co_firstlineno, loaded[1][0] or 0, loaded[1][1] or 0))


def _instruction(instruction: dis.Instruction) -> Row:
    value, shown = instruction.argval, instruction.argrepr
    place = instruction.positions
    where = (None,) * 4 if place is None else (place.lineno, place.end_lineno, place.col_offset, place.end_col_offset)
    return (
        instruction.offset,
        instruction.opname,
        instruction.opcode,
        instruction.arg,
        None if value is None else str(value)[:TEXT_CHARACTERS],
        shown[:TEXT_CHARACTERS],
        instruction.is_jump_target,
        jump_target(instruction),
        _line_started(instruction),
        *where,
    )


def _line_started(instruction: dis.Instruction) -> int | None:
    """The line that begins with this instruction, or None; 3.13 has a separate attribute for the line number."""
    starts: object = instruction.starts_line
    line = getattr(instruction, "line_number", None) if starts is True else starts
    return line if isinstance(line, int) and line is not False else None
