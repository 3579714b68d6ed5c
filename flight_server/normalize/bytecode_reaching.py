"""Reaching definitions in bytecode (the optional layer bc): which instruction may have set a variable that one reads.

Instructions are the points of the flow graph, code units their owners, and loads and stores of variables the events. An
exception may leave a block at any of its instructions. No instruction sets a parameter, so a load that reads only the
argument has no row.
"""

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from arrowdsl.plan.nodes import Kernel, KernelFunction, Plan
from flight_server.kernels.arrays import Ints, codes, is_first, numbers, rows_of, spread, truths
from flight_server.kernels.block_graph import FlowGraph, Way
from flight_server.kernels.reaching_definitions import Events, reaching_definitions

_INSTRUCTIONS = (
    *("file_id", "path", "instr_id", "code_unit_id", "block_id", "instr_index"),
    *("opname", "argval_str", "argrepr"),
)
_FLOW = ("src_block_id", "dst_block_id", "kind")
_SPACES = ("FAST", "DEREF", "NAME", "GLOBAL")
ONE: Mapping[str, str] = MappingProxyType(  # the event of the variable ``argval_str``
    {
        **{f"LOAD_{space}": "use" for space in (*_SPACES, "FAST_CHECK", "FAST_BORROW", "CLASSDEREF")},
        **{f"STORE_{space}": "def" for space in _SPACES},
        **{f"DELETE_{space}": "kill" for space in _SPACES},
        "LOAD_FAST_AND_CLEAR": "use",
    }
)
TWO: Mapping[str, tuple[str, str]] = MappingProxyType(  # the events of the variables ``argrepr`` = "a, b", in turn
    {
        "LOAD_FAST_LOAD_FAST": ("use", "use"),
        "LOAD_FAST_BORROW_LOAD_FAST_BORROW": ("use", "use"),
        "STORE_FAST_LOAD_FAST": ("def", "use"),
        "STORE_FAST_STORE_FAST": ("def", "def"),
    }
)


def bytecode_reaching(bc_instructions: Plan, bc_cfg_edges: Plan) -> Plan:
    """file_id, path, def_event_id, use_event_id: instructions that set a variable, and those that may read it.

    An event's id is its instruction's.
    """
    function = KernelFunction(
        name="bytecode_reaching",
        version=2,
        apply=_reaching,
        needs=_INSTRUCTIONS,
        replaces_columns=True,
        side_needs=(_FLOW,),
    )
    return Kernel(bc_instructions.select(*_INSTRUCTIONS), function, (bc_cfg_edges.select(*_FLOW),))


def _reaching(instructions: pa.Table, edges: pa.Table) -> pa.Table:
    unit = codes(instructions.column("code_unit_id"))
    order = np.lexsort((numbers(instructions.column("instr_index")), unit))
    instructions, unit = instructions.take(pa.array(order)), unit[order]
    events = _events(instructions)
    defs, uses = reaching_definitions(_graph(instructions, unit, edges), events)
    pairs = np.unique(np.stack((events.point[uses], events.point[defs])), axis=1)  # of two variables or of one
    use, define = map(pa.array, pairs)
    found = instructions.select(["file_id", "path", "instr_id"]).take(use)
    return pa.table(
        {
            "file_id": found.column("file_id"),
            "path": found.column("path"),
            "def_event_id": instructions.column("instr_id").take(define),
            "use_event_id": found.column("instr_id"),
        }
    )


def _events(instructions: pa.Table) -> Events:
    """The events of the instructions, which are the points."""
    firsts, seconds = ({op: does[place] for op, does in TWO.items()} for place in (0, 1))
    kinds = ((ONE, "argval_str", ""), (firsts, "argrepr", ", .*$"), (seconds, "argrepr", "^.*, "))
    point, kind, variable = zip(*(_done(instructions, *each) for each in kinds), strict=True)
    done = pa.chunked_array(kind, pa.string())
    return Events(
        point=np.concatenate(point),
        ordinal=np.repeat((0, 0, 1), [len(each) for each in point]),
        variable=codes(pa.chunked_array([chunk for each in variable for chunk in each.chunks], pa.string())),
        is_def=truths(pc.equal(done, "def")),
        is_use=truths(pc.equal(done, "use")),
    )


def _done(
    instructions: pa.Table, kinds: Mapping[str, str], operand: str, left_out: str
) -> tuple[Ints, pa.Array, pa.ChunkedArray]:
    """The instructions of these names, the kind of event of each, and its variable: the operand without a pattern."""
    which = rows_of(instructions.column("opname"), pa.chunked_array([list(kinds)], pa.string()))
    points = np.flatnonzero((which >= 0) & truths(pc.is_valid(instructions.column(operand))))
    chosen = instructions.take(pa.array(points))
    is_global = pc.match_substring(chosen.column("opname"), "GLOBAL")
    space = pc.if_else(is_global, "global", "own")  # a cell is one variable, whichever instruction accesses it
    name = chosen.column(operand)
    name = pc.replace_substring_regex(name, left_out, "") if left_out else name
    variable = pc.binary_join_element_wise(space, name, "/")
    return points, pa.array(list(kinds.values())).take(pa.array(which[points])), variable


def _graph(instructions: pa.Table, unit: Ints, edges: pa.Table) -> FlowGraph:
    """Steps between instructions: within a block, from its last one, and for an exception from each of them."""
    blocks = instructions.column("block_id")
    block = codes(blocks)
    is_head = is_first(block)
    first = np.flatnonzero(is_head)
    size = np.diff(np.append(first, len(block)))
    heads = blocks.take(pa.array(first))
    src, dst = (rows_of(edges.column(end), heads) for end in ("src_block_id", "dst_block_id"))
    known = (src >= 0) & (dst >= 0)
    is_exc = truths(pc.equal(edges.column("kind"), "exc"))
    plain, exc = np.flatnonzero(known & ~is_exc), np.flatnonzero(known & is_exc)
    raising = size[src[exc]]
    inside = np.flatnonzero(~is_head)
    last = first + size - 1
    return FlowGraph(
        owner=unit,
        is_entry=is_first(unit),
        is_exit=np.zeros(len(unit), dtype=bool),
        src=np.concatenate((inside - 1, last[src[plain]], spread(first[src[exc]], raising))),
        dst=np.concatenate((inside, first[dst[plain]], np.repeat(first[dst[exc]], raising))),
        way=np.repeat((Way.AFTER, Way.DURING), (len(inside) + len(plain), int(raising.sum()))),
    )
