"""Whether the graph is closed: ends of edges that are no node. Each part looks first among its own nodes."""

from arrowdsl.compute.expr import Call, Column, Expr, Literal
from arrowdsl.plan.nodes import Aggregate, Join, Plan, Union

_NODE = ("node_id",)
_END = ("node_id", "column", "edge_kind")


def open_ends(edges: Plan, nodes: Plan) -> Plan:
    """node_id, column, edge_kind, rows: ends of ``edges`` that are none of ``nodes``, with how many edges have them."""
    ends = Union(
        tuple(
            edges.select("edge_kind", node_id=Column(column), column=Literal(column))
            for column in ("src_node_id", "dst_node_id")
        )
    )
    counted = Aggregate(ends, _END, (("edge_kind", "count", "rows"),))
    return _missing(counted, nodes)


def all_open_ends(ends_of_parts: Plan, ends_of_repo: Plan) -> Plan:
    """The same for the whole repo, each once."""
    columns = (*_END, "rows")
    together = Union((ends_of_parts.select(*columns), ends_of_repo.select(*columns)))
    return Aggregate(together, _END, (("rows", "sum", "rows"),))


def found_ends(nodes: Plan, all_open_ends: Plan) -> Plan:
    """node_id: those of ``nodes`` that are open ends elsewhere."""
    return Join(nodes.select(*_NODE), all_open_ends.select(*_NODE), "left semi", _NODE, _NODE, _NODE)


def all_found(ends_of_parts: Plan, ends_of_repo: Plan) -> Plan:
    """node_id, of both."""
    return Union((ends_of_parts.select(*_NODE), ends_of_repo.select(*_NODE)))


def dangling_edges(all_open_ends: Plan, found_ends: Plan) -> Plan:
    """row_key, column, check, detail, rows: the columns of violations, for the ends that are nowhere a node."""
    return _missing(all_open_ends, found_ends).select(
        row_key=Column("node_id"),
        column=Column("column"),
        check=Literal("dangling_edge"),
        detail=_detail(),
        rows=Column("rows"),
    )


def _missing(ends: Plan, nodes: Plan) -> Plan:
    return Join(ends, nodes.select(*_NODE), "left anti", _NODE, _NODE, (*_END, "rows"))


def _detail() -> Expr:
    return Call("concat", (Literal("an end of edges of kind "), Column("edge_kind"), Literal(" is no node")))
