"""What a contract of one table can't say: that the ends of edges are nodes."""

from hamilton.function_modifiers import tag

from arrowdsl.plan.nodes import Plan, Scope
from flight_server.normalize import closure


@tag(layer="checks", kind="intermediate", scope=Scope.PART)
def open_ends_of_parts(cpg_edges_of_parts: Plan, cpg_nodes_of_parts: Plan) -> Plan:
    """Ends of one part's edges that are not among its nodes."""
    return closure.open_ends(cpg_edges_of_parts, cpg_nodes_of_parts)


@tag(layer="checks", kind="intermediate", scope=Scope.REPO)
def open_ends(open_ends_of_parts: Plan, cpg_edges_of_repo: Plan, cpg_nodes_of_repo: Plan) -> Plan:
    """Ends of edges that are not among the nodes of the same part."""
    return closure.all_open_ends(open_ends_of_parts, closure.open_ends(cpg_edges_of_repo, cpg_nodes_of_repo))


@tag(layer="checks", kind="intermediate", scope=Scope.PART)
def found_ends_of_parts(cpg_nodes_of_parts: Plan, open_ends: Plan) -> Plan:
    """One part's nodes that are ends of other parts' edges."""
    return closure.found_ends(cpg_nodes_of_parts, open_ends)


@tag(layer="checks", kind="intermediate", scope=Scope.REPO)
def found_ends(found_ends_of_parts: Plan, cpg_nodes_of_repo: Plan, open_ends: Plan) -> Plan:
    """The open ends that are nodes somewhere."""
    return closure.all_found(found_ends_of_parts, closure.found_ends(cpg_nodes_of_repo, open_ends))


@tag(layer="checks", kind="output", scope=Scope.REPO, dataset="violations", checked="cpg_edges")
def dangling_edges(open_ends: Plan, found_ends: Plan) -> Plan:
    """The ends of edges that are no node."""
    return closure.dangling_edges(open_ends, found_ends)
