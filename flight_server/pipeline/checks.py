"""The check that the contract of one table can't express: every end of an edge must be a node.

The ends of a part's edges are looked up among the part's own nodes first. Only those not found there, the open ends,
are looked up in the other parts.
"""

from arrowdsl.compute.expr import Literal, col, concat
from arrowdsl.plan.nodes import Aggregate, Plan, Scope, Union
from flight_server.pipeline.relational import join, output, relation

_END = ("node_id", "column", "edge_kind")


@relation("checks", Scope.PART, "cpg_build")
def open_ends_of_parts(cpg_edges_of_parts: Plan, cpg_nodes_of_parts: Plan) -> Plan:
    """The ends of one part's edges that are not among its nodes.

    node_id, column, edge_kind, rows (the number of edges with this end).
    """
    return _open_ends(cpg_edges_of_parts, cpg_nodes_of_parts)


@relation("checks", Scope.REPO, "cpg_build")
def open_ends(open_ends_of_parts: Plan, cpg_edges_of_repo: Plan, cpg_nodes_of_repo: Plan) -> Plan:
    """The ends of edges that are not among the nodes of the same part, each once.

    node_id, column, edge_kind, rows.
    """
    columns = (*_END, "rows")
    of_repo = _open_ends(cpg_edges_of_repo, cpg_nodes_of_repo)
    both = Union((open_ends_of_parts.select(*columns), of_repo.select(*columns)))
    return Aggregate(both, _END, (("rows", "sum", "rows"),))


@relation("checks", Scope.PART, "cpg_build")
def found_ends_of_parts(cpg_nodes_of_parts: Plan, open_ends: Plan) -> Plan:
    """One part's nodes that are ends of other parts' edges.

    node_id.
    """
    return join(cpg_nodes_of_parts, open_ends, "node_id", keep="node_id", kind="left semi")


@relation("checks", Scope.REPO, "cpg_build")
def found_ends(found_ends_of_parts: Plan, cpg_nodes_of_repo: Plan, open_ends: Plan) -> Plan:
    """The open ends that are nodes of another part or of the repo.

    node_id.
    """
    of_repo = join(cpg_nodes_of_repo, open_ends, "node_id", keep="node_id", kind="left semi")
    return Union((found_ends_of_parts.select("node_id"), of_repo.select("node_id")))


@output("checks", Scope.REPO, "cpg_build", dataset="violations", checked="cpg_edges")
def dangling_edges(open_ends: Plan, found_ends: Plan) -> Plan:
    """The ends of edges that are not nodes."""
    lost = join(open_ends, found_ends, "node_id", keep=f"{' '.join(_END)} rows", kind="left anti")
    return lost.select(
        *("column", "rows"),
        row_key=col("node_id"),
        check=Literal("dangling_edge"),
        detail=concat("an end of edges of kind ", col("edge_kind"), " is no node"),
    )


def _open_ends(edges: Plan, nodes: Plan) -> Plan:
    columns = ("src_node_id", "dst_node_id")
    ends = Union(tuple(edges.select("edge_kind", node_id=col(name), column=Literal(name)) for name in columns))
    counted = Aggregate(ends, _END, (("edge_kind", "count", "rows"),))
    return join(counted, nodes, "node_id", keep=f"{' '.join(_END)} rows", kind="left anti")
