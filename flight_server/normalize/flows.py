"""Where values go: the copies between places, as edges between what stands for the places in the graph.

A variable stands for itself, a function's result for the function, a call's result for the call, a parameter's and an
argument's place for these. Places between (parts of expressions) have no node, so copies from or to them are left out.
"""

from arrowdsl.compute.expr import Call, Column, Expr, Literal
from arrowdsl.plan.nodes import Join, Plan, Union

_PLACE = ("place",)


def place_nodes(
    sym_symbols: Plan, cst_params: Plan, cst_defs: Plan, flow_calls: Plan, flow_args: Plan, sites: Plan
) -> Plan:
    """place, node_id: the places of one part that a node stands for."""
    variables = sym_symbols.select(
        place=_concat(Literal("var:"), Column("scope_id"), Literal(":"), Column("lookup_name")),
        node_id=Column("symbol_row_id"),
    )
    parameters = cst_params.where(_like("place", "x:%")).select("place", node_id=Column("param_id"))
    returns = tuple(
        cst_defs.select(place=_concat(Literal(prefix), Column("def_id")), node_id=Column("def_id"))
        for prefix in ("ret:", "yld:")
    )
    called = flow_calls.where(_like("result", "x:%")).select("site_id", place=Column("result"))
    results = Join(
        called, sites.select("site_id", "node_id"), "inner", ("site_id",), ("site_id",), _PLACE, ("node_id",)
    )
    passed = flow_args.where(Call("and", (_like("place", "x:%"), _given("bstart")))).select(
        "place",
        node_id=_concat(Literal("arg:"), Column("file_id"), Literal(":"), _text("bstart"), Literal("-"), _text("bend")),
    )
    given = Join(passed, called.select("place"), "left anti", _PLACE, _PLACE, ("place", "node_id"))
    return Union((variables, parameters, *returns, results, given))


def flows(flow_copies: Plan, resolution: Plan, place_nodes: Plan, all_place_nodes: Plan, repo_files: Plan) -> Plan:
    """file_id, path, src_node_id, dst_node_id: what flows by a copy in a file, or to any file because of a call."""
    by_calls = resolution.where(Call("=", (Column("relation"), Literal("flow"))))
    copies = Union(tuple(rows.select("file_id", "src", "dst") for rows in (flow_copies, by_calls)))
    sources = place_nodes.select("place", src_node_id=Column("node_id"))
    known = Join(copies, sources, "inner", ("src",), _PLACE, ("file_id", "dst"), ("src_node_id",))
    targets = all_place_nodes.select("place", dst_node_id=Column("node_id"))
    ends = Join(targets, known, "inner", _PLACE, ("dst",), ("dst_node_id",), ("file_id", "src_node_id"))
    kept, on = ("file_id", "src_node_id", "dst_node_id"), ("file_id",)
    placed = Join(ends, repo_files.select("file_id", "path"), "inner", on, on, kept, ("path",))
    different = Call("<>", (Column("src_node_id"), Column("dst_node_id")))
    return placed.where(different).distinct("path", *kept)


def _like(column: str, pattern: str) -> Expr:
    return Call("like", (Column(column), Literal(pattern)))


def _given(column: str) -> Expr:
    return Call("not", (Call("isNull", (Column(column),)),))


def _concat(*parts: Expr) -> Expr:
    return Call("concat", parts)


def _text(column: str) -> Expr:
    return Call("text", (Column(column),))
