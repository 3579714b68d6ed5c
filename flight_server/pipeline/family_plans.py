"""Families as plans: a union of the nodes, edges or properties of each family.

The kind is a constant of the family's plan, so a filter on kinds removes the plans of the other families.

>>> from arrowdsl.plan.nodes import Scan, describe
>>> from flight_server.pipeline.families import nodes
>>> print(describe(node_plan(*nodes("AST_NODE ast_nodes[kind=Name] @ast name=name"), {"ast_nodes": Scan("ast_nodes")})))
project file_id, path, bstart, bend, line = None, end_line = None, node_id, node_kind = 'AST_NODE', name, qname = None
  project file_id, path, bstart, bend, node_id = concat('ast:', file_id, ':', text(ast_idx)), name
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
from flight_server.pipeline.spans import with_lines

_NO_FILE: Mapping[str, Expr] = MappingProxyType(
    {name: Literal(None, pa.string()) for name in ("file_id", "path")}
    | {name: Literal(None, pa.int64()) for name in ("bstart", "bend")}
)
_PLACED = ("bstart", "bend", "line", "end_line")
_NODES = ("file_id", "path", *_PLACED, "node_id", "node_kind", "name", "qname")
_LINES: Mapping[str, Expr] = MappingProxyType({name: Column(name) for name in ("line", "end_line")})
_NO_LINES: Mapping[str, Expr] = MappingProxyType({name: Literal(None, pa.int32()) for name in _LINES})
LINE_STARTS = "line_starts"  # the relation from which lines are computed


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
    """The columns of cpg_nodes."""
    ends = {"node_id": family.id, "name": family.name, "qname": family.qname}
    computed = {**_place(family.scope, family.span), **ends}
    own = {name: expr for name, expr in computed.items() if not isinstance(expr, Literal)}
    placed = _with_lines(family.rows.of(relations).select(**own), own, relations)
    shown = {**_shown(computed), **_lines(own, relations), "node_kind": Literal(family.kind)}
    return placed.select(**{name: shown[name] for name in _NODES})


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
    shown = {**_shown(computed), **_lines(own, relations)}
    identified = ("src_node_id", "dst_node_id", *(("site",) if "site" in own else ()))
    seed = family.kind if "site" in own or not family.site else f"{family.kind} {describe(family.site)}"
    placed = _with_lines(plan.select(**own), own, relations)
    return _with_ids(placed, seed, identified, frozenset(own)).select(
        **{name: shown[name] for name in _PLACED},
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
        adds=frozenset({"edge_id"}),
        row_by_row=True,
    )
    return Kernel(edges, function)


def _identified(edges: pa.Table, seed: str, identified: tuple[str, ...]) -> pa.Table:
    columns = [edges.column(name).combine_chunks() for name in identified]
    ids = spelled("edge:", digests(seed, columns))
    if any(column.null_count for column in columns):
        ids = pc.if_else(reduce(pc.and_, (column.is_valid() for column in columns)), ids, None)
    return edges.append_column("edge_id", ids)


def _with_lines(rows: Plan, own: Iterable[str], relations: Relations) -> Plan:
    """The rows with line and end_line, if they have spans and the lines of the files are known."""
    return with_lines(rows, relations[LINE_STARTS], own) if _lines(own, relations) is _LINES else rows


def _lines(own: Iterable[str], relations: Relations) -> Mapping[str, Expr]:
    return _LINES if "bstart" in own and LINE_STARTS in relations else _NO_LINES


def _shown(computed: Mapping[str, Expr]) -> dict[str, Expr]:
    """Constants as they are, everything else as a column that is computed below."""
    return {name: expr if isinstance(expr, Literal) else Column(name) for name, expr in computed.items()}


def _place(scope: Scope, span: Span | None) -> dict[str, Expr]:
    if scope is not Scope.PART:
        return dict(_NO_FILE)
    place: dict[str, Expr] = {name: col(name) for name in ("file_id", "path")}
    return {**_NO_FILE, **place, **(dict(zip(("bstart", "bend"), map(col, span), strict=True)) if span else {})}
