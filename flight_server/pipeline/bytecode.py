"""Code objects, basic blocks and instructions (the optional layer bc), their places in the source, and their data flow.

An instruction's source is found by the position that the compiler gave it: lines and columns in bytes, like those of
``ast`` nodes. For reaching definitions, instructions are the points of the flow graph, code units their owners, and
loads and stores of variables the events. An exception may leave a block at any of its instructions. No instruction sets
a parameter, so a load that reads only the argument has no row.
"""

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from arrowdsl.compute.expr import col
from arrowdsl.plan.nodes import Plan
from flight_server.kernels.arrays import Ints, codes, is_first, numbers, rows_of, spread, truths
from flight_server.kernels.block_graph import FlowGraph, Way
from flight_server.kernels.reaching_definitions import Events, reaching_definitions
from flight_server.pipeline.families import edges, nodes
from flight_server.pipeline.relational import FILE, SPAN, join, kernel, relation

NODES = nodes("""
    BC_CODE_UNIT  bc_code_units    {code_unit_id}  span=none
    BC_BLOCK      bc_blocks        {block_id}      span=none
    BC_INSTR      bc_instructions  {instr_id}      span=none
""")
EDGES = (
    *edges(
        """
    HAS_CODE     code_of_definition  bc_code_units             {def_id?} > {code_unit_id}  within=cst_defs:def_id
    CONTAINS     nested_code         bc_code_units             {parent_code_unit_id?} > {code_unit_id}
    CONTAINS     code_block          bc_blocks                 {code_unit_id?} > {block_id}
    CONTAINS     block_instruction   bc_instructions           {block_id?} > {instr_id}
    BC_CFG_NEXT  block_flow          bc_cfg_edges[kind=next]   {src_block_id?} > {dst_block_id?}  site={edge_id}
    BC_CFG_TRUE  block_flow          bc_cfg_edges[kind=true]   {src_block_id?} > {dst_block_id?}  site={edge_id}
    BC_CFG_FALSE block_flow          bc_cfg_edges[kind=false]  {src_block_id?} > {dst_block_id?}  site={edge_id}
    BC_CFG_EXC   block_flow          bc_cfg_edges[kind=exc]    {src_block_id?} > {dst_block_id?}  site={edge_id}
    BC_REACHES   stored_value        bytecode_reaching         {def_event_id} > {use_event_id}    method=dataflow
""",
        origin="dis",
        span="none",
    ),
    *edges(
        """
    BC_ANCHOR  call_instruction  anchored_calls  {instr_id} > {call_id}
    BC_ANCHOR  name_instruction  anchored_names  {instr_id} > {name_ref_id}
""",
        origin="dis",
        method="position",
    ),
)
_CALLS = ("CALL", "CALL_FUNCTION_EX", "CALL_KW", "PRECALL")
_NAMES = tuple(
    f"{verb}_{space}"
    for verb in ("LOAD", "STORE", "DELETE")
    for space in ("NAME", "FAST", "GLOBAL", "DEREF", "CLASSDEREF", "FAST_CHECK", "FROM_DICT_OR_GLOBALS")
)
_AT = "file_id pos_start_line=lineno pos_start_col=col_offset pos_end_line=end_lineno pos_end_col=end_col_offset"
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


@relation("bc")
def anchored_calls(bc_instructions: Plan, ast_nodes: Plan, cst_callsites: Plan) -> Plan:
    """The instructions that call, with their call sites.

    file_id, path, bstart, bend, instr_id, call_id.
    """
    found = _at_nodes(bc_instructions, ast_nodes, _CALLS, "Call")
    return join(found, cst_callsites, "file_id ast_idx", keep=f"{FILE} {SPAN} instr_id", take="call_id")


@relation("bc")
def anchored_names(bc_instructions: Plan, ast_nodes: Plan, cst_name_refs: Plan) -> Plan:
    """The instructions that load or store a variable, with its name.

    file_id, path, bstart, bend, instr_id, name_ref_id.
    """
    found = _at_nodes(bc_instructions, ast_nodes, _NAMES, "Name")
    return join(found, cst_name_refs, f"file_id {SPAN}", keep=f"{FILE} {SPAN} instr_id", take="name_ref_id")


@relation("bc")
def bytecode_reaching(bc_instructions: Plan, bc_cfg_edges: Plan) -> Plan:
    """The instructions that set a variable, with those that may read the value.

    file_id, path, def_event_id, use_event_id; an event's id is its instruction's.
    """
    columns = f"{FILE} instr_id code_unit_id block_id instr_index opname argval_str argrepr"
    flow = (bc_cfg_edges, "src_block_id dst_block_id kind")
    return kernel("bytecode_reaching", _reaching, (bc_instructions, columns), flow, version=2)


def _at_nodes(bc_instructions: Plan, ast_nodes: Plan, opnames: tuple[str, ...], kind: str) -> Plan:
    """The instructions of these names with the ast_idx and span of the node of this kind at their position."""
    instructions = bc_instructions.where(col("opname").is_in(opnames))
    nodes_there = ast_nodes.where(col("kind").eq(kind))
    return join(instructions, nodes_there, _AT, keep=f"{FILE} instr_id", take=f"ast_idx {SPAN}")


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
