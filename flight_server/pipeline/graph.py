"""The code property graph: the nodes, edges and properties of all concepts, each output from its families."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from hamilton.function_modifiers import group, parameterize, source, tag_outputs, value

from arrowdsl.compute.expr import Expr
from arrowdsl.plan.nodes import Plan, Scope
from flight_client.contracts.raw import RAW_TABLES
from flight_server.pipeline import (
    annotations,
    bytecode,
    call_views,
    calls,
    control_flow,
    data_flow,
    definitions,
    diagnostics,
    files,
    names,
    runtime,
    scopes,
    source_views,
    symbols,
    syntax,
    types,
    value_uses,
)
from flight_server.pipeline.families import EdgeFamily, Family, NodeFamily, PropFamily
from flight_server.pipeline.family_plans import LINE_STARTS, edge_union, node_union, prop_union

CONCEPTS = (
    *(files, definitions, syntax, scopes, control_flow, data_flow, value_uses, names),
    *(calls, annotations, types, symbols, bytecode, runtime, diagnostics),
    *(source_views, call_views),
)
_PLACES = frozenset({"file_id", "path"})


def _of_concepts(name: str, scope: Scope) -> tuple[Any, ...]:
    families = (family for concept in CONCEPTS for family in getattr(concept, name, ()))
    return tuple(family for family in families if family.scope is scope)


def _with_every_column(listed: tuple[PropFamily, ...], nodes: tuple[NodeFamily, ...]) -> tuple[PropFamily, ...]:
    """The listed properties, and every other column of the raw tables whose rows are nodes."""
    named: dict[tuple[str, Expr], set[str]] = {}
    for each in listed:
        named.setdefault((each.rows.table, each.id), set(_PLACES)).update(each.keys.values())
    more = []
    for family in nodes:
        table = family.rows.table
        if table in RAW_TABLES:
            left_out = named.get((table, family.id), _PLACES)
            columns = (column for column in RAW_TABLES[table].schema.names if column not in left_out)
            more.append(PropFamily(family.rows, family.id, {column: column for column in columns}, family.scope))
    return (*listed, *more)


PART_NODES: tuple[NodeFamily, ...] = _of_concepts("NODES", Scope.PART)
REPO_NODES: tuple[NodeFamily, ...] = _of_concepts("NODES", Scope.REPO)
PART_EDGES: tuple[EdgeFamily, ...] = _of_concepts("EDGES", Scope.PART)
REPO_EDGES: tuple[EdgeFamily, ...] = _of_concepts("EDGES", Scope.REPO)
PART_PROPS: tuple[PropFamily, ...] = _of_concepts("PROPS", Scope.PART)
REPO_PROPS: tuple[PropFamily, ...] = _of_concepts("PROPS", Scope.REPO)
# An output's families of one scope become one Hamilton node: how to unite them, the families, and the node's doc.
UNIONS: Mapping[tuple[str, Scope], tuple[Callable[..., Plan], tuple[Family, ...], str]] = MappingProxyType(
    {
        ("cpg_edges", Scope.PART): (edge_union, PART_EDGES, "The edges that belong to files."),
        ("cpg_edges", Scope.REPO): (
            edge_union,
            REPO_EDGES,
            "The edges that belong to the repo: between symbols, and between runtime objects.",
        ),
        ("cpg_nodes", Scope.PART): (node_union, PART_NODES, "The nodes that belong to files."),
        ("cpg_nodes", Scope.REPO): (
            node_union,
            REPO_NODES,
            "The nodes that belong to the repo: itself, packages, names, types, symbols, runtime objects.",
        ),
        ("cpg_props", Scope.PART): (
            prop_union,
            PART_PROPS,
            "The most used properties of the nodes that belong to files.",
        ),
        ("cpg_props", Scope.REPO): (
            prop_union,
            REPO_PROPS,
            "The most used properties of the nodes that belong to the repo.",
        ),
        ("all_props", Scope.PART): (
            prop_union,
            _with_every_column(PART_PROPS, PART_NODES),
            "The properties of the nodes that belong to files, with every column of their tables.",
        ),
        ("all_props", Scope.REPO): (
            prop_union,
            _with_every_column(REPO_PROPS, REPO_NODES),
            "The properties of the nodes that belong to the repo, with every column of their tables.",
        ),
    }
)


def _node_name(dataset: str, scope: Scope) -> str:
    return f"{dataset}_of_parts" if scope is Scope.PART else f"{dataset}_of_repo"


def _tags(dataset: str, scope: Scope) -> dict[str, str]:
    kind = "intermediate" if dataset == "all_props" else "output"
    return {"layer": "cpg", "kind": kind, "scope": scope, "stage": "cpg_build", "dataset": dataset}


def _inputs(union: Callable[..., Plan], families: tuple[Family, ...], doc: str) -> tuple[dict[str, Any], str]:
    tables = {table: source(table) for family in families for table in family.tables}
    if union is not prop_union and families[0].scope is Scope.PART:
        tables[LINE_STARTS] = source(LINE_STARTS)
    return {"union": value(union), "families": value(families), "relations": group(**tables)}, doc


@tag_outputs(**{_node_name(*key): _tags(*key) for key in UNIONS})
@parameterize(**{_node_name(*key): _inputs(*row) for key, row in UNIONS.items()})
def family_union(union: Callable[..., Plan], families: tuple[Family, ...], relations: dict[str, Plan]) -> Plan:
    """The rows of one output: the union of its families."""
    return union(families, relations)
