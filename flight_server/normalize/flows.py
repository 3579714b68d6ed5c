"""Where values go: the copies between places, as edges between what stands for the places in the graph.

A variable stands for itself, a function's result for the function, a call's result for the call, a parameter's and an
argument's place for these. Places between (parts of expressions) have no node, so copies from or to them are left out.
"""

from arrowdsl.compute.expr import Call, Column, Expr, Literal
from arrowdsl.plan.nodes import Join, Plan, Union

_PLACE = ("place",)


def named_places(sym_symbols: Plan, cst_params: Plan, cst_defs: Plan) -> Plan:
    """place, node_id: variables, parameters and what functions return; their nodes have no offset."""
    variables = sym_symbols.select(
        place=_concat(Literal("var:"), Column("scope_id"), Literal(":"), Column("lookup_name")),
        node_id=Column("symbol_row_id"),
    )
    parameters = cst_params.where(_like("place", "x:%")).select("place", node_id=Column("param_id"))
    returns = tuple(
        cst_defs.select(place=_concat(Literal(prefix), Column("def_id")), node_id=Column("def_id"))
        for prefix in ("ret:", "yld:")
    )
    return Union((variables, parameters, *returns))


def passing_places(flow_calls: Plan, flow_args: Plan, cst_params: Plan, sites: Plan) -> Plan:
    """place, node_id: the results and arguments of calls, whose nodes are named by where they stand.

    An argument that is a parameter handed on, or what another call gave, is at a place that has a node already.
    """
    called = flow_calls.where(_like("result", "x:%")).select("site_id", place=Column("result"))
    results = Join(
        called, sites.select("site_id", "node_id"), "inner", ("site_id",), ("site_id",), _PLACE, ("node_id",)
    )
    passed = flow_args.where(Call("and", (_like("place", "x:%"), _given("bstart")))).select(
        "place",
        node_id=_concat(Literal("arg:"), Column("file_id"), Literal(":"), _text("bstart"), Literal("-"), _text("bend")),
    )
    taken = Union((called.select("place"), cst_params.where(_given("place")).select("place")))
    given = Join(passed, taken, "left anti", _PLACE, _PLACE, ("place", "node_id"))
    return Union((results, given))


def flows(
    flow_copies: Plan, resolution: Plan, named_places: Plan, passing_places: Plan, all_named_places: Plan, files: Plan
) -> Plan:
    """file_id, path, src_node_id, dst_node_id: what flows by a copy in a file, or to any file because of a call.

    A flow that ends at the result of a call, or starts at an argument, is in the file of that call, which alone names
    nodes by where they stand: so an edit that moves them leaves the edges of other files as they are.
    """
    by_calls = resolution.where(Call("=", (Column("relation"), Literal("flow"))))
    copies = Union(tuple(rows.select("file_id", "src", "dst") for rows in (flow_copies, by_calls)))
    here = Union((named_places, passing_places))
    everywhere = Union((all_named_places, passing_places))
    onward = _ended(copies, "src", here, "dst", everywhere)
    back = _ended(by_calls.select("file_id", "src", "dst"), "dst", here, "src", all_named_places)
    kept, on = ("file_id", "src_node_id", "dst_node_id"), ("file_id",)
    ends = Union((onward.select(*kept), back.select(*kept)))
    placed = Join(ends, files.select("file_id", "path"), "inner", on, on, kept, ("path",))
    different = Call("<>", (Column("src_node_id"), Column("dst_node_id")))
    return placed.where(different).distinct("path", *kept)


def _ended(copies: Plan, first: str, few: Plan, second: str, many: Plan) -> Plan:
    """file_id, src_node_id, dst_node_id: copies with the nodes of both ends; ``few`` leaves the fewer of them."""
    at_first, at_second = f"{first}_node_id", f"{second}_node_id"
    starts = few.select("place", **{at_first: Column("node_id")})
    known = Join(copies, starts, "inner", (first,), _PLACE, ("file_id", second), (at_first,))
    ends = many.select("place", **{at_second: Column("node_id")})
    return Join(ends, known, "inner", _PLACE, (second,), (at_second,), ("file_id", at_first))


def _like(column: str, pattern: str) -> Expr:
    return Call("like", (Column(column), Literal(pattern)))


def _given(column: str) -> Expr:
    return Call("not", (Call("isNull", (Column(column),)),))


def _concat(*parts: Expr) -> Expr:
    return Call("concat", parts)


def _text(column: str) -> Expr:
    return Call("text", (Column(column),))
