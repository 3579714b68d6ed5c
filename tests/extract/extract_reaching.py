"""Which definitions reach which uses, twice: over our points and events, and over the interpreter's bytecode.

A pair is the span of a use of a plain local variable of a function, and the line of a definition, 0 for a parameter.
"""

import ast
import dis
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from types import CodeType

Span = tuple[int, int]
Pairs = set[tuple[Span, int]]
JUMPS_ALWAYS = frozenset({"JUMP_FORWARD", "JUMP_BACKWARD", "JUMP_BACKWARD_NO_INTERRUPT"})
ENDS = frozenset({"RETURN_VALUE", "RAISE_VARARGS", "RERAISE"})
FLOWING = ast.FunctionDef | ast.AsyncFunctionDef
FUNCTION_CODE = 2  # CO_NEWLOCALS


@dataclass
class Node:
    """What happens in turn: (variable, line of a definition, None for a kill or use, span of a use), and what follows.

    ``before`` may follow with nothing done, ``during`` with any part of it done.
    """

    steps: list[tuple[object, int | None, Span | None]] = field(default_factory=list)
    after: list[int] = field(default_factory=list)
    before: list[int] = field(default_factory=list)
    during: list[int] = field(default_factory=list)


State = frozenset[tuple[object, int]]


def pairs_of(nodes: list[Node], entry: State) -> Pairs:
    """Reaching definitions by a worklist over sets."""
    states: dict[int, State] = {0: entry}
    work = [0]
    while work:
        number = work.pop()
        node, state = nodes[number], states[number]
        after = flowed(node, state, None)
        during = state | {(name, line) for name, line, _ in node.steps if line is not None}
        for targets, out in ((node.after, after), (node.before, state), (node.during, during)):
            for target in targets:
                known = states.get(target)
                if known is None or not out <= known:
                    states[target] = out if known is None else known | out
                    work.append(target)
    pairs: Pairs = set()
    for number, state in states.items():
        flowed(nodes[number], state, pairs)
    return pairs


def flowed(node: Node, state: State, pairs: Pairs | None) -> State:
    for name, line, use in node.steps:
        if use is None:
            state = frozenset(pair for pair in state if pair[0] != name)
            if line is not None:
                state |= {(name, line)}
        elif pairs is not None:
            pairs |= {(use, reaching) for known, reaching in state if known == name}
    return state


def bytecode_pairs(code: CodeType, line_starts: list[int]) -> Pairs:
    """The pairs of one function's code."""
    instructions = list(dis.get_instructions(code))
    at = {instruction.offset: number for number, instruction in enumerate(instructions)}
    nodes = []
    for number, instruction in enumerate(instructions):
        node = Node()
        if instruction.opcode in dis.hasjrel or instruction.opcode in dis.hasjabs:
            node.after.append(at[instruction.argval])
        if instruction.opname not in JUMPS_ALWAYS | ENDS:
            node.after.append(number + 1)
        where = instruction.positions
        match instruction.opname:
            case "LOAD_FAST":
                start = line_starts[where.lineno - 1] + where.col_offset
                span = (start, line_starts[where.end_lineno - 1] + where.end_col_offset)
                node.steps.append((instruction.argval, None, span))
            case "STORE_FAST":
                node.steps.append((instruction.argval, where.lineno, None))
            case "DELETE_FAST":
                node.steps.append((instruction.argval, None, None))
        nodes.append(node)
    for entry in dis.Bytecode(code).exception_entries:
        for offset in range(entry.start, entry.end, 2):
            if offset in at:
                nodes[at[offset]].before.append(at[entry.target])
    count = code.co_argcount + code.co_kwonlyargcount + bool(code.co_flags & 4) + bool(code.co_flags & 8)
    return pairs_of(nodes, frozenset((name, 0) for name in code.co_varnames[:count]))


def source_pairs(flow, walk, tree: ast.Module) -> dict[str, Pairs]:
    """The pairs of each function by the id of its definition."""
    lines = {number: getattr(node, "lineno", 0) for node, number in walk.numbers.items()}
    named = {walk.span(node)[0] for node in ast.walk(tree) if isinstance(node, ast.Name)}
    nodes: dict[str, Node] = {row[0]: Node() for row in flow.points}
    point_lines = {row[0]: lines[row[3]] for row in flow.points}
    partial = {row[0] for row in flow.points if row[2] in ("iter", "handler")}
    entries: dict[str, set[tuple[object, int]]] = defaultdict(set)
    for point_id, _, _, binding, kind, start, end in flow.events:
        if kind == "param":
            entries[point_id].add((binding, 0))
        elif kind == "use":
            nodes[point_id].steps.append((binding, None, (start, end)))
        else:
            line = walk.source.line_and_column(start)[0] if start in named else point_lines[point_id]
            nodes[point_id].steps.append((binding, None if kind == "kill" else line, None))
    owners: dict[str, list[str]] = defaultdict(list)
    for point_id, owner, *_ in flow.points:
        owners[owner.def_id].append(point_id)
    number = {point_id: index for points in owners.values() for index, point_id in enumerate(points)}
    for source, target, kind in flow.flow:
        node = nodes[source]
        ways = node.during if kind == "exc" else node.before if source in partial and kind != "true" else node.after
        ways.append(number[target])
    functions = {walk.opened[node].def_id for node in walk.opened if isinstance(node, FLOWING)}
    return {
        owner: pairs_of([nodes[point] for point in points], frozenset(entries[points[0]]))
        for owner, points in owners.items()
        if owner in functions
    }


def function_code(code: CodeType) -> Iterator[CodeType]:
    """The code of functions inside of some code, at any depth."""
    for constant in code.co_consts:
        if hasattr(constant, "co_code"):
            if constant.co_flags & FUNCTION_CODE and not constant.co_name.startswith("<"):
                yield constant
            yield from function_code(constant)


def fast_loads(code: CodeType, lines: list[int]) -> Iterator[Span]:
    """The spans at which a function loads its own variables."""
    for instruction in dis.get_instructions(code):
        where = instruction.positions
        if instruction.opname == "LOAD_FAST" and where.lineno:
            yield lines[where.lineno - 1] + where.col_offset, lines[where.end_lineno - 1] + where.end_col_offset
