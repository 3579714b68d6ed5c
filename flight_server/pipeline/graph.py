"""The code property graph: the nodes, edges and properties of all concepts, each output from its families."""

from collections.abc import Callable, Iterable
from typing import Any

from hamilton.function_modifiers import group, inject, source

from arrowdsl.compute.expr import Expr
from arrowdsl.plan.nodes import Plan, Scope
from flight_client.contracts.raw import RAW_TABLES
from flight_server.pipeline import (
    annotations,
    bytecode,
    calls,
    control_flow,
    data_flow,
    definitions,
    diagnostics,
    files,
    names,
    runtime,
    scopes,
    symbols,
    syntax,
    types,
)
from flight_server.pipeline.families import EdgeFamily, Family, NodeFamily, PropFamily
from flight_server.pipeline.family_plans import edge_union, node_union, prop_union
from flight_server.pipeline.relational import output, relation

CONCEPTS = (
    *(files, definitions, syntax, scopes, control_flow, data_flow, names),
    *(calls, annotations, types, symbols, bytecode, runtime, diagnostics),
)
_PLACES = frozenset({"file_id", "path"})


def _of_concepts(name: str, scope: Scope) -> tuple[Any, ...]:
    """The families of all concepts that have any."""
    families = (family for concept in CONCEPTS for family in getattr(concept, name, ()))
    return tuple(family for family in families if family.scope is scope)


def _with_every_column(known: tuple[PropFamily, ...], nodes: tuple[NodeFamily, ...]) -> tuple[PropFamily, ...]:
    """The known properties, and every other column of the raw tables whose rows are nodes."""
    named: dict[tuple[str, Expr], set[str]] = {}
    for each in known:
        named.setdefault((each.rows.table, each.id), set(_PLACES)).update(each.keys.values())
    more = []
    for family in nodes:
        table = family.rows.table
        if table in RAW_TABLES:
            left_out = named.get((table, family.id), _PLACES)
            columns = (column for column in RAW_TABLES[table].schema.names if column not in left_out)
            more.append(PropFamily(family.rows, family.id, {column: column for column in columns}, family.scope))
    return (*known, *more)


PART_NODES: tuple[NodeFamily, ...] = _of_concepts("NODES", Scope.PART)
REPO_NODES: tuple[NodeFamily, ...] = _of_concepts("NODES", Scope.REPO)
PART_EDGES: tuple[EdgeFamily, ...] = _of_concepts("EDGES", Scope.PART)
REPO_EDGES: tuple[EdgeFamily, ...] = _of_concepts("EDGES", Scope.REPO)
PART_PROPS: tuple[PropFamily, ...] = _of_concepts("PROPS", Scope.PART)
REPO_PROPS: tuple[PropFamily, ...] = _of_concepts("PROPS", Scope.REPO)
ALL_PART_PROPS = _with_every_column(PART_PROPS, PART_NODES)
ALL_REPO_PROPS = _with_every_column(REPO_PROPS, REPO_NODES)


def _inputs(families: Iterable[Family]) -> Callable[[Any], Any]:
    """Gives a node the tables and relations of the families, as ``relations``."""
    injected: Callable[[Any], Any] = inject(
        relations=group(**{table: source(table) for family in families for table in family.tables})
    )
    return injected


@output("cpg", Scope.PART, "cpg_build", dataset="cpg_nodes")
@_inputs(PART_NODES)
def cpg_nodes_of_parts(relations: dict[str, Plan]) -> Plan:
    """The nodes that belong to files."""
    return node_union(PART_NODES, relations)


@output("cpg", Scope.REPO, "cpg_build", dataset="cpg_nodes")
@_inputs(REPO_NODES)
def cpg_nodes_of_repo(relations: dict[str, Plan]) -> Plan:
    """The nodes that belong to the repo: itself, packages, names, types, symbols, runtime objects."""
    return node_union(REPO_NODES, relations)


@output("cpg", Scope.PART, "cpg_build", dataset="cpg_edges")
@_inputs(PART_EDGES)
def cpg_edges_of_parts(relations: dict[str, Plan]) -> Plan:
    """The edges that belong to files."""
    return edge_union(PART_EDGES, relations)


@output("cpg", Scope.REPO, "cpg_build", dataset="cpg_edges")
@_inputs(REPO_EDGES)
def cpg_edges_of_repo(relations: dict[str, Plan]) -> Plan:
    """The edges that belong to the repo: between symbols, and between runtime objects."""
    return edge_union(REPO_EDGES, relations)


@output("cpg", Scope.PART, "cpg_build", dataset="cpg_props")
@_inputs(PART_PROPS)
def cpg_props_of_parts(relations: dict[str, Plan]) -> Plan:
    """The most used properties of the nodes that belong to files."""
    return prop_union(PART_PROPS, relations)


@output("cpg", Scope.REPO, "cpg_build", dataset="cpg_props")
@_inputs(REPO_PROPS)
def cpg_props_of_repo(relations: dict[str, Plan]) -> Plan:
    """The most used properties of the nodes that belong to the repo."""
    return prop_union(REPO_PROPS, relations)


@relation("cpg", Scope.PART, "cpg_build", dataset="all_props")
@_inputs(ALL_PART_PROPS)
def all_props_of_parts(relations: dict[str, Plan]) -> Plan:
    """The properties of the nodes that belong to files, with every column of their tables."""
    return prop_union(ALL_PART_PROPS, relations)


@relation("cpg", Scope.REPO, "cpg_build", dataset="all_props")
@_inputs(ALL_REPO_PROPS)
def all_props_of_repo(relations: dict[str, Plan]) -> Plan:
    """The properties of the nodes that belong to the repo, with every column of their tables."""
    return prop_union(ALL_REPO_PROPS, relations)
