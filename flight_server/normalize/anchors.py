"""Which call or name of the source an instruction belongs to, by the positions that the compiler gave it.

Positions are lines and columns in bytes, as those of ``ast`` nodes are.
"""

from arrowdsl.compute.expr import Call, Column, Literal, Values
from arrowdsl.plan.nodes import Join, Plan

_CALLS = ("CALL", "CALL_FUNCTION_EX", "CALL_KW", "PRECALL")
_NAMES = tuple(
    f"{verb}_{space}"
    for verb in ("LOAD", "STORE", "DELETE")
    for space in ("NAME", "FAST", "GLOBAL", "DEREF", "CLASSDEREF", "FAST_CHECK", "FROM_DICT_OR_GLOBALS")
)
_AT = ("pos_start_line", "pos_start_col", "pos_end_line", "pos_end_col")
_NODE_AT = ("lineno", "col_offset", "end_lineno", "end_col_offset")
_KEPT = ("file_id", "path", "instr_id")


def anchored_calls(bc_instructions: Plan, ast_nodes: Plan, cst_callsites: Plan) -> Plan:
    """file_id, path, instr_id, call_id, span: the instructions that call, with their call sites."""
    found = _at_nodes(bc_instructions, ast_nodes, _CALLS, "Call")
    sites = cst_callsites.select("file_id", "ast_idx", "call_id")
    on = ("file_id", "ast_idx")
    return Join(found, sites, "inner", on, on, (*_KEPT, "bstart", "bend"), ("call_id",))


def anchored_names(bc_instructions: Plan, ast_nodes: Plan, cst_name_refs: Plan) -> Plan:
    """file_id, path, instr_id, name_ref_id, span: the instructions that load or store a variable, with its name."""
    found = _at_nodes(bc_instructions, ast_nodes, _NAMES, "Name")
    names = cst_name_refs.select("file_id", "bstart", "bend", "name_ref_id")
    on = ("file_id", "bstart", "bend")
    return Join(found, names, "inner", on, on, (*_KEPT, "bstart", "bend"), ("name_ref_id",))


def _at_nodes(bc_instructions: Plan, ast_nodes: Plan, opnames: tuple[str, ...], kind: str) -> Plan:
    """The instructions of these names with the ast_idx and span of the node of this kind at their position."""
    chosen = bc_instructions.where(Call("in", (Column("opname"), Values(opnames)))).select(*_KEPT, *_AT)
    nodes = ast_nodes.where(Call("=", (Column("kind"), Literal(kind)))).select(
        "file_id", *_NODE_AT, "ast_idx", "bstart", "bend"
    )
    left_on, right_on = ("file_id", *_AT), ("file_id", *_NODE_AT)
    return Join(chosen, nodes, "inner", left_on, right_on, _KEPT, ("ast_idx", "bstart", "bend"))
