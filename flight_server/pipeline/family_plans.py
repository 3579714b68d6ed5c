"""Families as plans: a union of the nodes, edges or properties of each family.

The kind is a constant of the family's plan, so a filter on kinds removes the plans of the other families.

>>> from arrowdsl.plan.nodes import Scan, describe
>>> from flight_server.pipeline.families import nodes
>>> print(describe(node_plan(*nodes("AST_NODE ast_nodes[kind=Name] @ast"), {"ast_nodes": Scan("ast_nodes")})))
project file_id, path, bstart, bend, node_id = concat('ast:', file_id, ':', text(ast_idx)), node_kind = 'AST_NODE'
  filter kind = 'Name'
    scan ast_nodes
"""

from collections.abc import Iterable, Mapping
from functools import partial, reduce
from types import MappingProxyType

import pyarrow as pa
import pyarrow.compute as pc

from arrowdsl.compute.expr import Column, Expr, Literal, col, columns, describe
from arrowdsl.plan.nodes import Kernel, KernelFunction, Plan, Scope, Union
from flight_server.kernels.digests import digests, spelled
from flight_server.pipeline.families import EdgeFamily, NodeFamily, PropFamily, Relations, Span
from flight_server.pipeline.properties import unpivoted
from flight_server.pipeline.relational import join

_NO_FILE: Mapping[str, Expr] = MappingProxyType(
    {name: Literal(None, pa.string()) for name in ("file_id", "path")}
    | {name: Literal(None, pa.int64()) for name in ("bstart", "bend")}
)


def node_union(families: Iterable[NodeFamily], relations: Relations) -> Plan:
    """The nodes of all families, one family after another."""
    return Union(tuple(node_plan(family, relations) for family in families))


def edge_union(families: Iterable[EdgeFamily], relations: Relations) -> Plan:
    """The edges of all families, one family after another."""
    return Union(tuple(edge_plan(family, relations) for family in families))


def prop_union(families: Iterable[PropFamily], relations: Relations) -> Plan:
    """The properties of all families, one family after another."""
    return Union(tuple(prop_plan(family, relations) for family in families))


def node_plan(family: NodeFamily, relations: Relations) -> Plan:
    """file_id, path, bstart, bend, node_id, node_kind."""
    place = _place(family.scope, family.span)
    return family.rows.of(relations).select(**place, node_id=family.id, node_kind=Literal(family.kind))


def edge_plan(family: EdgeFamily, relations: Relations) -> Plan:
    """The columns of cpg_edges."""
    constant: dict[str, Expr] = {
        "origin": Literal(family.origin),
        "resolution_method": Literal(family.method),
        "confidence": Literal(family.confidence, pa.float32()),
        "score": Literal(family.confidence, pa.float32()),
        "symbol_roles": Literal(None, pa.int32()),
        "qname_source": Literal(None, pa.string()),
        "ambiguity_group_id": Literal(None, pa.string()),
        "rule_name": Literal(family.rule),
        "rule_priority": Literal(family.priority, pa.int32()),
    }
    place = _place(family.scope, family.span)
    place.pop("file_id")
    ends = {"src_node_id": family.src, "dst_node_id": family.dst}
    computed = {**place, **ends, **constant, **family.values, **({"site": family.site} if family.site else {})}
    own = {name: expr for name, expr in computed.items() if not isinstance(expr, Literal)}
    plan = family.rows.of(relations)
    if family.within:
        table, on = family.within
        needed = sorted(frozenset(on.split()).union(*map(columns, own.values())))
        plan = join(plan, relations[table], on, keep=" ".join(needed), kind="left semi")
    shown = {name: expr if isinstance(expr, Literal) else Column(name) for name, expr in computed.items()}
    identified = ("src_node_id", "dst_node_id", *(("site",) if "site" in own else ()))
    seed = family.kind if "site" in own or not family.site else f"{family.kind} {describe(family.site)}"
    return _with_ids(plan.select(**own), seed, identified, frozenset(own)).select(
        bstart=shown["bstart"],
        bend=shown["bend"],
        edge_id=col("edge_id"),
        edge_kind=Literal(family.kind),
        **{name: shown[name] for name in (*ends, "path", *constant)},
    )


def prop_plan(family: PropFamily, relations: Relations) -> Plan:
    """The columns of cpg_props."""
    named = {key: Column(column) for key, column in family.keys.items()}
    return unpivoted(family.rows.of(relations).select(entity_id=family.id, **named), tuple(named))


def _with_ids(edges: Plan, seed: str, identified: tuple[str, ...], passes: frozenset[str]) -> Plan:
    """The rows with edge_id: ``edge:`` and a digest (22 characters) of the edge's kind, ends and site."""
    function = KernelFunction(
        name=f"edge ids of {seed}",
        version=1,
        apply=partial(_identified, seed=seed, identified=identified),
        needs=identified,
        passes=passes,
        row_by_row=True,
    )
    return Kernel(edges, function)


def _identified(edges: pa.Table, seed: str, identified: tuple[str, ...]) -> pa.Table:
    columns = [edges.column(name).combine_chunks() for name in identified]
    ids = spelled("edge:", digests(seed, columns))
    if any(column.null_count for column in columns):
        ids = pc.if_else(reduce(pc.and_, (column.is_valid() for column in columns)), ids, None)
    return edges.append_column("edge_id", ids)


def _place(scope: Scope, span: Span | None) -> dict[str, Expr]:
    if scope is not Scope.PART:
        return dict(_NO_FILE)
    place: dict[str, Expr] = {name: col(name) for name in ("file_id", "path")}
    return {**_NO_FILE, **place, **(dict(zip(("bstart", "bend"), map(col, span), strict=True)) if span else {})}
