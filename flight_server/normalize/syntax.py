"""What the syntax tree says about calls, returns and imports: arguments, receivers, and what definition holds them.

All of it stays within a file: rows are joined by file_id and ``ast_idx``.
"""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from arrowdsl.compute.expr import Call, Column, Expr, Literal, Values
from arrowdsl.plan.nodes import Join, JoinKind, Kernel, KernelFunction, Plan
from flight_server.kernels.arrays import codes

_FILE = ("file_id", "path")
_SPAN = ("bstart", "bend")
_AT_PARENT = ("file_id", "parent_ast_idx")
_AT_NODE = ("file_id", "ast_idx")


def ast_edges(ast_nodes: Plan) -> Plan:
    """file_id, path, parent_ast_idx, child_ast_idx, field_name, field_pos: a row for each node but the root."""
    return ast_nodes.where(Call("not", (Call("isNull", (Column("parent_ast_idx"),)),))).select(
        *_FILE,
        "parent_ast_idx",
        child_ast_idx=Column("ast_idx"),
        field_name=Column("field_name"),
        field_pos=Column("field_pos"),
    )


def arguments(ast_nodes: Plan, cst_callsites: Plan) -> Plan:
    """file_id, path, span, ast_idx, field_name (args or keywords), field_pos, call_id: what calls are given."""
    passed = ast_nodes.where(_one_of("field_name", "args", "keywords"))
    kept = (*_FILE, *_SPAN, "ast_idx", "field_name", "field_pos")
    return _joined(
        passed.select(*kept, "parent_ast_idx"), _calls(cst_callsites), _AT_PARENT, _AT_NODE, kept, ("call_id",)
    )


def literals(ast_nodes: Plan) -> Plan:
    """file_id, path, span, ast_idx, value_repr: the constants that have a place in the source."""
    placed = Call("not", (Call("isNull", (Column("bstart"),)),))
    return ast_nodes.where(Call("and", (_equal("kind", "Constant"), placed))).select(
        *_FILE, *_SPAN, "ast_idx", "value_repr"
    )


def receivers(ast_nodes: Plan, cst_callsites: Plan, cst_name_refs: Plan) -> Plan:
    """file_id, path, span, receiver_id, call_id: the object of each call of an attribute.

    ``receiver_id`` is the node of the object: a name or the last name of an attribute, a call, a literal, or else the
    node of the syntax tree.
    """
    is_callee = _equal("field_name", "func")
    callees = ast_nodes.where(Call("and", (is_callee, _equal("kind", "Attribute")))).select(
        "file_id", "ast_idx", call_idx=Column("parent_ast_idx")
    )
    called = _joined(
        callees, _calls(cst_callsites), ("file_id", "call_idx"), _AT_NODE, ("file_id", "ast_idx"), ("call_id",)
    )
    values = ast_nodes.where(_equal("field_name", "value"))
    kept = (*_FILE, *_SPAN, "ast_idx", "kind")
    found = _joined(values.select(*kept, "parent_ast_idx"), called, _AT_PARENT, _AT_NODE, kept, ("call_id",))
    refs = cst_name_refs.where(_one_of("ref_kind", "name", "attribute")).select("file_id", "bend", "name_ref_id")
    ends = ("file_id", "bend")
    placed = _joined(found, refs, ends, ends, (*kept, "call_id"), ("name_ref_id",), outer=True)
    return placed.select(*_FILE, *_SPAN, "call_id", receiver_id=_receiver_id())


def returns(ast_nodes: Plan, cfg_points: Plan) -> Plan:
    """file_id, path, span, ast_idx, owner_def_id (null without control flow), return_id: the return statements.

    Other files' edges end in them, so their ids have no offset: they are numbered within their definition.
    """
    kept = (*_FILE, *_SPAN, "ast_idx")
    statements = cfg_points.where(_equal("kind", "stmt")).select("file_id", "ast_idx", "owner_def_id")
    found = ast_nodes.where(_equal("kind", "Return")).select(*kept)
    placed = _joined(found, statements, _AT_NODE, _AT_NODE, kept, ("owner_def_id",), outer=True)
    needs = (*kept, "owner_def_id")
    return Kernel(placed, KernelFunction(name="return_ids", version=1, apply=_with_return_ids, needs=needs))


def _with_return_ids(rows: pa.Table) -> pa.Table:
    """The rows in source order, each with its number in its definition, or in its file where that is not known."""
    rows = rows.sort_by([("path", "ascending"), ("bstart", "ascending")])
    owner = pc.coalesce(rows.column("owner_def_id"), rows.column("file_id"))
    group = codes(owner)
    order = np.argsort(group, kind="stable")
    number = np.empty(len(order), np.int64)
    number[order] = np.arange(len(order)) - np.searchsorted(group[order], group[order])
    numbers = pa.array(number + 1).cast(pa.string())
    return rows.append_column("return_id", pc.binary_join_element_wise(owner, numbers, "/return:"))


def owned_imports(cst_imports: Plan, cst_defs: Plan) -> Plan:
    """file_id, path, alias_bstart, alias_bend, import_id, def_id: imports, and the definition whose code runs them."""
    kept = (*_FILE, "alias_bstart", "alias_bend", "import_id")
    owners = cst_defs.select("scope_id", "def_id")
    return _joined(cst_imports.select(*kept, "scope_id"), owners, ("scope_id",), ("scope_id",), kept, ("def_id",))


def _receiver_id() -> Expr:
    is_name = Call(
        "and", (_one_of("kind", "Name", "Attribute"), Call("not", (Call("isNull", (Column("name_ref_id"),)),)))
    )
    at_span = (Column("file_id"), Literal(":"), _text("bstart"), Literal("-"), _text("bend"))
    node = Call("concat", (Literal("ast:"), Column("file_id"), Literal(":"), _text("ast_idx")))
    literal = Call("if", (_equal("kind", "Constant"), Call("concat", (Literal("literal:"), *at_span)), node))
    call = Call("if", (_equal("kind", "Call"), Call("concat", (Literal("call:"), *at_span)), literal))
    return Call("if", (is_name, Column("name_ref_id"), call))


def _text(column: str) -> Expr:
    return Call("text", (Column(column),))


def _one_of(column: str, *values: str) -> Expr:
    return Call("in", (Column(column), Values(values)))


def _calls(cst_callsites: Plan) -> Plan:
    return cst_callsites.select("file_id", "ast_idx", "call_id")


def _equal(column: str, value: str) -> Call:
    return Call("=", (Column(column), Literal(value)))


def _joined(
    left: Plan,
    right: Plan,
    left_keys: tuple[str, ...],
    right_keys: tuple[str, ...],
    left_output: tuple[str, ...],
    right_output: tuple[str, ...],
    *,
    outer: bool = False,
) -> Plan:
    kind: JoinKind = "left outer" if outer else "inner"
    return Join(left, right, kind, left_keys, right_keys, left_output, right_output)
