"""Code objects, basic blocks and instructions (the optional layer bc), their places in the source, and their data flow.

An instruction's source is found by its position from the compiler: lines and columns in bytes, as in ``ast`` nodes.
For reaching definitions, instructions are the points of the flow graph, code units are the owners of points, and loads
and stores of variables are the events; joins are as in ``control_flow``. An exception may leave a block at any
instruction. No instruction sets a parameter, so a load that reads only the argument has no row.
"""

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from arrowdsl.compute.expr import Literal, col
from arrowdsl.plan.nodes import Plan
from flight_server.kernels.arrays import Ints, codes, is_first, numbers, rows_of, spread, truths
from flight_server.kernels.block_graph import FlowGraph, Way
from flight_server.kernels.reaching_definitions import Events
from flight_server.pipeline.families import edges, nodes, props
from flight_server.pipeline.reaching_rows import reaching_rows
from flight_server.pipeline.relational import FILE, SPAN, join, kernel, relation

NODES = nodes("""
    BC_CODE_UNIT  bc_code_units    {code_unit_id}  span=none name=co_name
    BC_BLOCK      bc_blocks        {block_id}      span=none
    BC_INSTR      bc_instructions  {instr_id}      span=none name=opname
    BC_JOIN       bytecode_joins   {event_id}      span=none name=name
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
    BC_REACHES   stored_value        bytecode_values           {def_event_id} > {use_event_id}    method=dataflow
    EVENT_AT     event_point         bytecode_joins            {event_id} > {point_id}
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
PROPS = props("bytecode_joins {event_id} kind name")
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
TWO: Mapping[str, tuple[str, str]] = MappingProxyType(  # the events of the two variables in ``argrepr`` = "a, b"
    {
        "LOAD_FAST_LOAD_FAST": ("use", "use"),
        "LOAD_FAST_BORROW_LOAD_FAST_BORROW": ("use", "use"),
        "STORE_FAST_LOAD_FAST": ("def", "use"),
        "STORE_FAST_STORE_FAST": ("def", "def"),
    }
)


@relation("bc")
def anchored_calls(bc_instructions: Plan, ast_nodes: Plan, cst_callsites: Plan) -> Plan:
    """The call instructions with their call sites.

    file_id, path, bstart, bend, instr_id, call_id.
    """
    found = _at_nodes(bc_instructions, ast_nodes, _CALLS, "Call")
    return join(found, cst_callsites, "file_id ast_idx", keep=f"{FILE} {SPAN} instr_id", take="call_id")


@relation("bc")
def anchored_names(bc_instructions: Plan, ast_nodes: Plan, cst_name_refs: Plan) -> Plan:
    """The instructions that load, store or delete a variable, with the name refs of the variable.

    file_id, path, bstart, bend, instr_id, name_ref_id.
    """
    found = _at_nodes(bc_instructions, ast_nodes, _NAMES, "Name")
    return join(found, cst_name_refs, f"file_id {SPAN}", keep=f"{FILE} {SPAN} instr_id", take="name_ref_id")


@relation("bc")
def bytecode_reaching(bc_instructions: Plan, bc_cfg_edges: Plan) -> Plan:
    """The instruction or join whose value of a variable an instruction reads, and those that meet in a join.

    file_id, path, def_event_id, use_event_id, variable, join_point_id. The id of an event is the id of its instruction.
    """
    columns = f"{FILE} instr_id code_unit_id block_id instr_index opname argval_str argrepr"
    flow = (bc_cfg_edges, "src_block_id dst_block_id kind")
    return kernel("bytecode_reaching", _reaching, (bc_instructions, columns), flow, version=3)


@relation("bc")
def bytecode_values(bytecode_reaching: Plan) -> Plan:
    """The pairs of events, each once: since Python 3.13 an instruction may store or read two variables.

    file_id, path, def_event_id, use_event_id.
    """
    return bytecode_reaching.distinct(*FILE.split(), "def_event_id", "use_event_id")


@relation("bc")
def bytecode_joins(bytecode_reaching: Plan) -> Plan:
    """The joins, each at the instruction before which it stands.

    file_id, path, event_id, point_id, name (of the variable), kind.
    """
    joins = bytecode_reaching.where(col("join_point_id").is_not_null()).select(
        *FILE.split(), event_id=col("use_event_id"), point_id=col("join_point_id"), name=col("variable")
    )
    named = (*FILE.split(), "event_id", "point_id", "name")
    return joins.distinct(*named).select(*named, kind=Literal("join"))


def _at_nodes(bc_instructions: Plan, ast_nodes: Plan, opnames: tuple[str, ...], kind: str) -> Plan:
    """The instructions with these opnames, with the ast_idx and span of the node of this kind at the same position."""
    instructions = bc_instructions.where(col("opname").is_in(opnames))
    nodes_there = ast_nodes.where(col("kind").eq(kind))
    return join(instructions, nodes_there, _AT, keep=f"{FILE} instr_id", take=f"ast_idx {SPAN}")


def _reaching(instructions: pa.Table, edges: pa.Table) -> pa.Table:
    unit = codes(instructions.column("code_unit_id"))
    order = np.lexsort((numbers(instructions.column("instr_index")), unit))
    instructions, unit = instructions.take(pa.array(order)), unit[order]
    effects, variables = _effects(instructions)
    points = instructions.select(["file_id", "path", "instr_id"]).rename_columns(["file_id", "path", "point_id"])
    events = points.take(pa.array(effects.point)).rename_columns(["file_id", "path", "event_id"])
    return reaching_rows(_graph(instructions, unit, edges), effects, events, points, variables)


def _effects(instructions: pa.Table) -> tuple[Events, pa.StringArray]:
    """The loads, stores and deletions of variables, and the variables' names."""
    firsts, seconds = ({op: does[place] for op, does in TWO.items()} for place in (0, 1))
    kinds = ((ONE, "argval_str", ""), (firsts, "argrepr", ", .*$"), (seconds, "argrepr", "^.*, "))
    point, kind, variable = zip(*(_events_of(instructions, *each) for each in kinds), strict=True)
    done = pa.chunked_array(kind, pa.string())
    names = pa.chunked_array([chunk for each in variable for chunk in each.chunks], pa.string())
    encoded = names.combine_chunks().dictionary_encode()
    effects = Events(
        point=np.concatenate(point),
        ordinal=np.repeat((0, 0, 1), [len(each) for each in point]),
        variable=numbers(encoded.indices),
        is_def=truths(pc.equal(done, "def")),
        is_use=truths(pc.equal(done, "use")),
    )
    return effects, encoded.dictionary


def _events_of(
    instructions: pa.Table, kinds: Mapping[str, str], operand: str, left_out: str
) -> tuple[Ints, pa.Array, pa.ChunkedArray]:
    """The instructions with these opnames, the kinds of their events, and their variables.

    A variable is the operand without its match of ``left_out``.
    """
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
    """The flow between instructions: within a block, from its last instruction, and for exceptions from each one."""
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
