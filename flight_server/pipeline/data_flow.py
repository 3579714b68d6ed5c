"""Data flow: the copies between places, as edges between the nodes of the places.

The node of a variable, parameter or argument is its own; the result of a function has the function's node, the result
of a call the call's. Other places (parts of expressions) have no node, and their copies are left out.
"""

from arrowdsl.compute.expr import col
from arrowdsl.plan.nodes import Plan, Scope, Union
from flight_server.pipeline.families import edges, template
from flight_server.pipeline.relational import join, relation

EDGES = edges(
    "FLOWS_TO copy flows {src_node_id} > {dst_node_id} confidence=0.9",
    origin="resolve",
    method="points_to",
    span="none",
)


@relation("resolve")
def named_places(sym_symbols: Plan, cst_params: Plan, cst_defs: Plan) -> Plan:
    """The variables, parameters and function results, with their nodes, whose ids have no offset.

    place, node_id.
    """
    variables = sym_symbols.select(place=template("var:{scope_id}:{lookup_name}"), node_id=col("symbol_row_id"))
    parameters = cst_params.where(col("place").like("x:%")).select("place", node_id=col("param_id"))
    results = (
        cst_defs.select(place=template(text), node_id=col("def_id")) for text in ("ret:{def_id}", "yld:{def_id}")
    )
    return Union((variables, parameters, *results))


@relation("resolve", Scope.REPO)
def all_named_places(named_places: Plan) -> Plan:
    """The variables, parameters and function results of the whole repo, with their nodes.

    place, node_id.
    """
    return named_places.select("place", "node_id")


@relation("resolve")
def passing_places(flow_calls: Plan, flow_args: Plan, cst_params: Plan, sites: Plan) -> Plan:
    """The arguments and results of calls, with their nodes, whose ids have offsets.

    place, node_id. If an argument is a parameter or the result of another call, its node is that of the parameter or
    of the other call.
    """
    called = flow_calls.where(col("result").like("x:%")).select("site_id", place=col("result"))
    results = join(called, sites, "site_id", keep="place", take="node_id")
    passed = flow_args.where(col("place").like("x:%") & col("bstart").is_not_null())
    parameters = cst_params.where(col("place").is_not_null())
    known = Union((called.select("place"), parameters.select("place")))
    arguments = join(
        passed.select("place", node_id=template("@arg")), known, "place", keep="place node_id", kind="left anti"
    )
    return Union((results, arguments))


@relation("resolve")
def flows(
    flow_copies: Plan,
    resolution: Plan,
    named_places: Plan,
    passing_places: Plan,
    all_named_places: Plan,
    repo_files: Plan,
) -> Plan:
    """The flow of values from node to node, by a copy within a file or through a call.

    file_id, path, src_node_id, dst_node_id. A flow that ends at the result of a call, or starts at an argument, belongs
    to the file of the call. So node ids with offsets occur only in edges of their own file, and an edit that moves code
    changes no other file's edges.
    """
    columns = ("file_id", "src", "dst")
    by_calls = resolution.where(col("relation").eq("flow")).select(*columns)
    copies = Union((flow_copies.select(*columns), by_calls))
    here, everywhere = Union((named_places, passing_places)), Union((all_named_places, passing_places))
    onward = _with_end_nodes(copies, "src", here, "dst", everywhere)
    back = _with_end_nodes(by_calls, "dst", here, "src", all_named_places)
    ends = "file_id src_node_id dst_node_id"
    both = Union((onward.select(*ends.split()), back.select(*ends.split())))
    placed = join(both, repo_files, "file_id", keep=ends, take="path")
    return placed.where(col("src_node_id").ne(col("dst_node_id"))).distinct("path", *ends.split())


def _with_end_nodes(copies: Plan, first: str, few: Plan, second: str, many: Plan) -> Plan:
    """file_id, src_node_id, dst_node_id: copies with the nodes of both ends.

    The more selective places, ``few``, are joined first.
    """
    at_first, at_second = f"{first}_node_id", f"{second}_node_id"
    starts = few.select("place", **{at_first: col("node_id")})
    known = join(copies, starts, f"{first}=place", keep=f"file_id {second}", take=at_first)
    ends = many.select("place", **{at_second: col("node_id")})
    return join(ends, known, f"place={second}", keep=at_second, take=f"file_id {at_first}")
