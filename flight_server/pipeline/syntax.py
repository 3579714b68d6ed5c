"""The syntax trees of ``ast`` and of tree-sitter, and the calls, arguments, returns and literals in them.

All rows stay within a file: they are joined by file_id and ``ast_idx``.
"""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from arrowdsl.compute.expr import Expr, col, if_else
from arrowdsl.plan.nodes import Plan
from flight_server.kernels.arrays import codes
from flight_server.pipeline.families import edges, nodes, props, template
from flight_server.pipeline.relational import PLACE, join, kernel, output, relation

NODES = nodes("""
    CST_CALLSITE  cst_callsites  {call_id}    span=call name=callee_text
    CST_ARG       arguments      @arg
    CST_RETURN    returns        {return_id}
    CST_LITERAL   literals       @literal   name=value_repr
    AST_NODE      ast_nodes      @ast       name=name
    TS_NODE       ts_nodes       {ts_node_id}     span=start_byte,end_byte
    TS_ERROR      ts_errors      {ts_error_id}    span=start_byte,end_byte
    TS_MISSING    ts_missing     {ts_missing_id}  span=start_byte,end_byte
""")
EDGES = (
    *edges(
        """
    CONTAINS       call_site     cst_callsites  {owner_def_id?} > {call_id}  span=call
    CONTAINS       return        returns        {owner_def_id?} > {return_id}
    AT_AST         ast_call      cst_callsites  {call_id} > @ast             span=call within=ast_nodes:file_id,ast_idx
    AT_AST         ast_argument  arguments      @arg > @ast
    AT_AST         ast_return    returns        {return_id} > @ast
    AT_AST         ast_literal   literals       @literal > @ast
    ARGUMENT_OF    argument      arguments      @arg > {call_id}             origin=resolve
    RECEIVER       receiver      receivers      {receiver_id} > {call_id}    origin=resolve
    FILE_CONTAINS  ast_root      ast_nodes[parent_ast_idx=null]  {file_id} > @ast  origin=pipeline
    AST_PARENT_OF  ast_child     ast_nodes      ast:{file_id}:{parent_ast_idx?:d} > @ast  origin=ast
""",
        origin="cst",
    ),
    *edges(
        """
    FILE_CONTAINS  ts_root     ts_nodes[parent_ts_id=null]  {file_id} > {ts_node_id}  origin=pipeline
    TS_PARENT_OF   ts_child    ts_nodes    {parent_ts_id?} > {ts_node_id}
    TS_PARENT_OF   ts_error    ts_errors   {ts_node_id?} > {ts_error_id}
    TS_PARENT_OF   ts_missing  ts_missing  {ts_node_id?} > {ts_missing_id}
""",
        origin="treesitter",
        span="start_byte,end_byte",
    ),
)
PROPS = props("""
    cst_callsites  {call_id}  callee=callee_text shape=callee_shape arg_count
    arguments      @arg       field=field_name position=field_pos
    literals       @literal   value=value_repr
""")


@output("ast")
def ast_edges(ast_nodes: Plan) -> Plan:
    """The edges of the syntax trees: parent, child, field and place in the field."""
    children = ast_nodes.where(col("parent_ast_idx").is_not_null())
    columns = ("file_id", "path", "parent_ast_idx", "field_name", "field_pos")
    return children.select(*columns, child_ast_idx=col("ast_idx"))


@relation("cst")
def arguments(ast_nodes: Plan, cst_callsites: Plan) -> Plan:
    """The arguments of calls.

    file_id, path, bstart, bend, ast_idx, field_name (args or keywords), field_pos, call_id.
    """
    passed = ast_nodes.where(col("field_name").is_in(("args", "keywords")))
    on = "file_id parent_ast_idx=ast_idx"
    return join(passed, cst_callsites, on, keep=f"{PLACE} ast_idx field_name field_pos", take="call_id")


@relation("cst")
def literals(ast_nodes: Plan) -> Plan:
    """The literals that have a place in the source.

    file_id, path, bstart, bend, ast_idx, value_repr.
    """
    placed = ast_nodes.where(col("kind").eq("Constant") & col("bstart").is_not_null())
    return placed.select(*PLACE.split(), "ast_idx", "value_repr")


@relation("cst")
def receivers(ast_nodes: Plan, cst_callsites: Plan, cst_name_refs: Plan) -> Plan:
    """The receivers of method calls: the object ``x`` of a call ``x.f()``.

    file_id, path, bstart, bend, call_id, receiver_id: the node of the object, which is a name ref (for an attribute,
    its last name), a call, a literal, or otherwise a node of the syntax tree.
    """
    attributes = ast_nodes.where(col("field_name").eq("func") & col("kind").eq("Attribute"))
    called = join(attributes, cst_callsites, "file_id parent_ast_idx=ast_idx", keep="file_id ast_idx", take="call_id")
    values = ast_nodes.where(col("field_name").eq("value"))
    found = join(values, called, "file_id parent_ast_idx=ast_idx", keep=f"{PLACE} ast_idx kind", take="call_id")
    refs = cst_name_refs.where(col("ref_kind").is_in(("name", "attribute")))
    keep = f"{PLACE} ast_idx kind call_id"
    placed = join(found, refs, "file_id bend", keep=keep, take="name_ref_id", kind="left outer")
    return placed.select(*PLACE.split(), "call_id", receiver_id=_receiver_id())


@relation("cst")
def returns(ast_nodes: Plan, cfg_points: Plan) -> Plan:
    """The return statements with their definitions.

    file_id, path, bstart, bend, ast_idx, owner_def_id (null without the layer cfg), return_id. Return statements are
    numbered within their definition: edges of other files start at them, so their ids must not have offsets.
    """
    statements = cfg_points.where(col("kind").eq("stmt"))
    found = ast_nodes.where(col("kind").eq("Return"))
    keep = f"{PLACE} ast_idx"
    placed = join(found, statements, "file_id ast_idx", keep=keep, take="owner_def_id", kind="left outer")
    return kernel("return_ids", _with_return_ids, (placed, f"{keep} owner_def_id"), adds_columns=True)


def _receiver_id() -> Expr:
    is_name = col("kind").is_in(("Name", "Attribute")) & col("name_ref_id").is_not_null()
    other = if_else(col("kind").eq("Constant"), template("@literal"), template("@ast"))
    call = if_else(col("kind").eq("Call"), template("call:{file_id}:{bstart:d}-{bend:d}"), other)
    return if_else(is_name, col("name_ref_id"), call)


def _with_return_ids(rows: pa.Table) -> pa.Table:
    """The rows in source order, numbered within their definition, or within their file if the definition is unknown."""
    rows = rows.sort_by([("path", "ascending"), ("bstart", "ascending")])
    owner = pc.coalesce(rows.column("owner_def_id"), rows.column("file_id"))
    group = codes(owner)
    order = np.argsort(group, kind="stable")
    number = np.empty(len(order), np.int64)
    number[order] = np.arange(len(order)) - np.searchsorted(group[order], group[order])
    numbers = pa.array(number + 1).cast(pa.string())
    return rows.append_column("return_id", pc.binary_join_element_wise(owner, numbers, "/return:"))
