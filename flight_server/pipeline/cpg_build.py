"""The code property graph: its nodes and edges, from families over raw tables and relations."""

from hamilton.function_modifiers import group, inject, source, tag

from arrowdsl.plan.nodes import Plan, Scope
from flight_server.cpg import families, graph, props


@tag(layer="cpg", kind="output", scope=Scope.PART, dataset="cpg_nodes")
@inject(relations=group(**{name: source(name) for name in families.sources(graph.PART_NODES)}))
def cpg_nodes_of_parts(relations: dict[str, Plan]) -> Plan:
    """The nodes that belong to files."""
    return families.nodes(graph.PART_NODES, relations)


@tag(layer="cpg", kind="output", scope=Scope.REPO, dataset="cpg_nodes")
@inject(relations=group(**{name: source(name) for name in families.sources(graph.REPO_NODES)}))
def cpg_nodes_of_repo(relations: dict[str, Plan]) -> Plan:
    """The nodes that belong to the repo: itself, packages, names, types, symbols, runtime objects."""
    return families.nodes(graph.REPO_NODES, relations)


@tag(layer="cpg", kind="output", scope=Scope.PART, dataset="cpg_edges")
@inject(relations=group(**{name: source(name) for name in families.sources(graph.PART_EDGES)}))
def cpg_edges_of_parts(relations: dict[str, Plan]) -> Plan:
    """The edges that start in files."""
    return families.edges(graph.PART_EDGES, relations)


@tag(layer="cpg", kind="output", scope=Scope.REPO, dataset="cpg_edges")
@inject(relations=group(**{name: source(name) for name in families.sources(graph.REPO_EDGES)}))
def cpg_edges_of_repo(relations: dict[str, Plan]) -> Plan:
    """The edges that belong to the repo: between symbols."""
    return families.edges(graph.REPO_EDGES, relations)


@tag(layer="cpg", kind="output", scope=Scope.PART, dataset="cpg_props")
@inject(relations=group(**{name: source(name) for name in props.sources(props.PART)}))
def cpg_props_of_parts(relations: dict[str, Plan]) -> Plan:
    """The properties of nodes in files that are asked for first."""
    return props.props(props.PART, relations)


@tag(layer="cpg", kind="output", scope=Scope.REPO, dataset="cpg_props")
@inject(relations=group(**{name: source(name) for name in props.sources(props.REPO)}))
def cpg_props_of_repo(relations: dict[str, Plan]) -> Plan:
    """The properties of the other nodes."""
    return props.props(props.REPO, relations)


@tag(layer="cpg", kind="intermediate", scope=Scope.PART, dataset="all_props")
@inject(relations=group(**{name: source(name) for name in props.sources(props.ALL_PART)}))
def all_props_of_parts(relations: dict[str, Plan]) -> Plan:
    """The properties of nodes in files, with every column that a table has of them."""
    return props.props(props.ALL_PART, relations)


@tag(layer="cpg", kind="intermediate", scope=Scope.REPO, dataset="all_props")
@inject(relations=group(**{name: source(name) for name in props.sources(props.ALL_REPO)}))
def all_props_of_repo(relations: dict[str, Plan]) -> Plan:
    """The same of the other nodes."""
    return props.props(props.ALL_REPO, relations)
