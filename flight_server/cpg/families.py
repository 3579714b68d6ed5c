"""Families: a row of data says which rows of which table become nodes or edges of one kind; plans are built from that.

``rows`` names a raw table or another node of the pipeline. A family whose table has no rows has none either. Its kind
stands in its plan as a constant, so a filter on kinds leaves nothing of the other families' plans.

>>> from arrowdsl.plan.nodes import Scan, describe
>>> family = NodeFamily("PY_FILE", "repo_files", "{file_id}", span=None)
>>> print(describe(node_plan(family, {"repo_files": Scan("repo_files")})))
project file_id, path, bstart = None, bend = None, node_id = file_id, node_kind = 'PY_FILE'
  scan repo_files
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import pyarrow as pa

from arrowdsl.compute.expr import Column, Expr, Literal, columns, conjunction
from arrowdsl.plan.nodes import Join, Plan, Union
from flight_server.cpg.templates import Wanted, matching, template

Span = tuple[str, str]
SPAN: Span = ("bstart", "bend")
Relations = Mapping[str, Plan]


@dataclass(frozen=True)
class Within:
    """Keeps the rows for which ``rows`` has one of equal values: an end that another layer must have.

    ``on`` pairs the family's columns with those of ``rows``.
    """

    rows: str
    on: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class NodeFamily:
    """Nodes of one kind: an id for each row of ``rows`` in which ``only`` holds and ``given`` are not null.

    ``id`` is a template. ``span`` names the columns of the byte offsets; ``in_file`` says that rows have file_id and
    path.
    """

    kind: str
    rows: str
    id: str
    span: Span | None = SPAN
    in_file: bool = True
    only: Mapping[str, Wanted] = field(default_factory=dict)
    given: tuple[str, ...] = ()
    where: Expr | None = None


@dataclass(frozen=True)
class EdgeFamily:
    """Edges of one kind and rule, from ``src`` to ``dst`` (templates), for each row in which ``only`` holds.

    ``site`` is a template that tells edges of equal ends apart. ``given`` are columns that must not be null, ``within``
    what the ends that another table holds must be found in. ``values`` are columns of cpg_edges that come from columns
    of the row; the others are the same for the whole family.
    """

    kind: str
    rows: str
    src: str
    dst: str
    rule: str
    origin: str
    method: str = "structural"
    confidence: float = 1.0
    priority: int = 0
    site: str = ""
    span: Span | None = SPAN
    in_file: bool = True
    only: Mapping[str, Wanted] = field(default_factory=dict)
    given: tuple[str, ...] = ()
    where: Expr | None = None
    within: tuple[Within, ...] = ()
    values: Mapping[str, Expr] = field(default_factory=dict)


def node_plan(family: NodeFamily, relations: Relations) -> Plan:
    """file_id, path, bstart, bend, node_id, node_kind."""
    return _chosen(family, relations).select(
        file_id=_file(family, "file_id"),
        path=_file(family, "path"),
        **_span(family.span),
        node_id=template(family.id),
        node_kind=Literal(family.kind),
    )


def edge_plan(family: EdgeFamily, relations: Relations) -> Plan:
    """The columns of cpg_edges."""
    src, dst = template(family.src), template(family.dst)
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
    ends: dict[str, Expr] = {"src_node_id": src, "dst_node_id": dst, "path": _file(family, "path")}
    computed = {**_span(family.span), **ends, **constant, **family.values}
    site = {"site": template(family.site)} if family.site else {}
    own = {name: expr for name, expr in (*computed.items(), *site.items()) if not isinstance(expr, Literal)}
    plan = _chosen(family, relations)
    for within in family.within:
        plan = _found(plan, within, relations, frozenset().union(*map(columns, own.values())), family)
    shown = {name: expr if isinstance(expr, Literal) else Column(name) for name, expr in computed.items()}
    return plan.select(**own).select(  # edge_id is put together from the ends, not once more from what they are made of
        bstart=shown["bstart"],
        bend=shown["bend"],
        edge_id=template(f"{family.kind}:{{src_node_id}}>{{dst_node_id}}" + (":{site}" if family.site else "")),
        edge_kind=Literal(family.kind),
        **{name: shown[name] for name in (*ends, *constant)},
    )


def nodes(families: Iterable[NodeFamily], relations: Relations) -> Plan:
    """The nodes of all families, one family after another."""
    return Union(tuple(node_plan(family, relations) for family in families))


def edges(families: Iterable[EdgeFamily], relations: Relations) -> Plan:
    """The edges of all families, one family after another."""
    return Union(tuple(edge_plan(family, relations) for family in families))


def sources(families: Iterable[NodeFamily | EdgeFamily]) -> tuple[str, ...]:
    """The tables that the families are made from."""
    found: dict[str, None] = {}
    for family in families:
        found[family.rows] = None
        if isinstance(family, EdgeFamily):
            found |= dict.fromkeys(within.rows for within in family.within)
    return tuple(found)


def _chosen(family: NodeFamily | EdgeFamily, relations: Relations) -> Plan:
    """The rows that the family is about."""
    rows = relations[family.rows]
    terms = [] if family.where is None else [family.where]
    if family.only or family.given:
        terms.append(matching(family.only, family.given))
    return rows.where(conjunction(terms)) if terms else rows


def _found(plan: Plan, within: Within, relations: Relations, needed: frozenset[str], family: EdgeFamily) -> Plan:
    """A semi join; it takes the columns that are needed later, since lists can't go through a join."""
    keys = dict.fromkeys(ours for other in family.within for ours, _ in other.on)
    kept = tuple(sorted(needed | set(keys)))
    ours, theirs = zip(*within.on, strict=True)
    others = relations[within.rows].select(*theirs)
    return Join(plan.select(*kept), others, "left semi", ours, theirs, kept)


def _file(family: NodeFamily | EdgeFamily, name: str) -> Expr:
    return Column(name) if family.in_file else Literal(None, pa.string())


def _span(span: Span | None) -> dict[str, Expr]:
    if span is None:
        return {name: Literal(None, pa.int64()) for name in SPAN}
    return {name: Column(column) for name, column in zip(SPAN, span, strict=True)}
