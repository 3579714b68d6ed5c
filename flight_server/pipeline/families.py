"""Families of nodes, edges and properties, as data: each line of text describes one family.

    nodes   KIND  rows  id                            settings…
    edges   KIND  rule  rows  source id > target id   settings…
    props   rows  id  key=column…                     (``key`` alone if the column has that name)

``rows`` is a raw table or a relation of the pipeline, with conditions in brackets: ``cfg_flow[kind=next|true]``,
``ast_nodes[parent_ast_idx=null]``, ``repo_files[module!=null]``, ``accessed_symbols[!is_definition,is_read]``.

An id is a template: ``{column}`` stands for a row's value, ``{column:d}`` for an integer value, and ``@name`` for a
template of ``IDS``. A row with a null in a column marked ``{column?}`` has no node, edge or property.

Settings are ``name=value``: the fields of ``NodeFamily`` and ``EdgeFamily``. A span is ``def`` for the columns
def_bstart and def_bend, ``none``, or two columns. ``values`` are columns of cpg_edges taken from the row
(``rule_name=rule,confidence``). ``within`` names another layer's table and its key (``ast_nodes:file_id,ast_idx``);
rows without a match there have no edge.

``flight_server.pipeline.family_plans`` turns families into plans.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from string import Formatter
from types import MappingProxyType
from typing import Any

import pyarrow as pa

from arrowdsl.compute.expr import Call, Expr, Literal, col, conjunction
from arrowdsl.plan.nodes import Plan, Scope

Span = tuple[str, str]
Relations = Mapping[str, Plan]

IDS: Mapping[str, str] = MappingProxyType(
    {
        "arg": "arg:{file_id}:{bstart:d}-{bend:d}",
        "ast": "ast:{file_id}:{ast_idx:d}",
        "decorator": "{def_id}/decorator:{pos:d}",
        "external": "external:{name?}",
        "literal": "literal:{file_id}:{bstart:d}-{bend:d}",
        "module": "module:{file_id}",
        "package": "package:{package}",
        "qname": "qname:{qname}",
        "repo": "repo:{repo}",
    }
)

NO_TEXT = Literal(None, pa.string())


@dataclass(frozen=True)
class Rows:
    """The rows of a table or relation for which all ``conditions`` hold."""

    table: str
    conditions: tuple[Expr, ...] = ()

    def of(self, relations: Relations) -> Plan:
        """The rows as a plan over ``relations``."""
        plan = relations[self.table]
        return plan.where(conjunction(self.conditions)) if self.conditions else plan


@dataclass(frozen=True)
class NodeFamily:
    """Nodes of one kind, one for each row. Only nodes of ``Scope.PART`` have a file and a span.

    ``name`` is what a person calls the node, ``qname`` its qualified name.
    """

    kind: str
    rows: Rows
    id: Expr
    scope: Scope = Scope.PART
    span: Span | None = ("bstart", "bend")
    name: Expr = NO_TEXT
    qname: Expr = NO_TEXT

    @property
    def tables(self) -> tuple[str, ...]:
        """The tables and relations that the family reads."""
        return (self.rows.table,)


@dataclass(frozen=True)
class EdgeFamily:
    """Edges of one kind and rule, one for each row. Only edges of ``Scope.PART`` have a path and a span.

    ``site`` distinguishes edges with equal ends.
    """

    kind: str
    rule: str
    rows: Rows
    src: Expr
    dst: Expr
    origin: str
    method: str = "structural"
    confidence: float = 1.0
    priority: int = 0
    scope: Scope = Scope.PART
    span: Span | None = ("bstart", "bend")
    site: Expr | None = None
    within: tuple[str, str] | None = None
    values: Mapping[str, Expr] = field(default_factory=dict)

    @property
    def tables(self) -> tuple[str, ...]:
        """The tables and relations that the family reads."""
        return (self.rows.table, *(self.within or ())[:1])


@dataclass(frozen=True)
class PropFamily:
    """Properties of the nodes ``id``; ``keys`` maps each property's key to its column."""

    rows: Rows
    id: Expr
    keys: Mapping[str, str]
    scope: Scope = Scope.PART

    @property
    def tables(self) -> tuple[str, ...]:
        """The tables and relations that the family reads."""
        return (self.rows.table,)


Family = NodeFamily | EdgeFamily | PropFamily


def nodes(text: str) -> tuple[NodeFamily, ...]:
    """The families of nodes, one a line."""
    return tuple(_node(*line.split()) for line in text.strip().splitlines())


def edges(text: str, **common: str) -> tuple[EdgeFamily, ...]:
    """The families of edges, one a line; ``common`` are the default settings of all lines."""
    return tuple(_edge(*line.split(), common=common) for line in text.strip().splitlines())


def props(text: str, scope: Scope = Scope.PART) -> tuple[PropFamily, ...]:
    """The families of properties, one a line."""
    return tuple(_prop(*line.split(), scope=scope) for line in text.strip().splitlines())


def template(text: str) -> Expr:
    """The text with each ``{column}`` replaced by the row's value; null if one of the values is null.

    >>> from arrowdsl.compute.expr import describe
    >>> describe(template("@ast")), describe(template("{def_id}"))
    ("concat('ast:', file_id, ':', text(ast_idx))", 'def_id')
    """
    parts = tuple(part for part, _ in _parts(text))
    return parts[0] if len(parts) == 1 else Call("concat", parts)


def _parts(text: str) -> Iterator[tuple[Expr, bool]]:
    """The constants and columns of a template, each with a flag for columns that must not be null."""
    for constant, name, kind, _ in Formatter().parse(IDS[text[1:]] if text.startswith("@") else text):
        if constant:
            yield Literal(constant), False
        if name:
            column = col(name.rstrip("?"))
            yield column.as_text() if kind == "d" else column, name.endswith("?")


def _node(kind: str, rows: str, node_id: str, *settings: str) -> NodeFamily:
    return NodeFamily(kind, _rows(rows, node_id), template(node_id), **_settings(settings))


def _edge(
    kind: str, rule: str, rows: str, src: str, _: str, dst: str, *settings: str, common: Mapping[str, str]
) -> EdgeFamily:
    fields = _settings(settings, common)
    return EdgeFamily(kind, rule, _rows(rows, src, dst), template(src), template(dst), **fields)


def _prop(rows: str, node_id: str, *columns: str, scope: Scope) -> PropFamily:
    return PropFamily(_rows(rows, node_id), template(node_id), _pairs(columns), scope)


def _rows(text: str, *ids: str) -> Rows:
    """Rows with the conditions in brackets, and the conditions that the id templates imply."""
    table, _, conditions = text.removesuffix("]").partition("[")
    chosen = [_condition(each) for each in conditions.split(",") if each]
    present = [part.is_not_null() for each in ids for part, required in _parts(each) if required]
    return Rows(table, (*chosen, *present))


def _condition(text: str) -> Expr:
    name, compares, value = text.partition("=")
    column = col(name.strip("!"))
    if not compares:
        return ~column if name.startswith("!") else column
    if value == "null":
        return column.is_not_null() if name.endswith("!") else column.is_null()
    return column.is_in(value.split("|")) if "|" in value else column.eq(value)


def _settings(words: Iterable[str], common: Mapping[str, str] = MappingProxyType({})) -> dict[str, Any]:
    given = {**common, **_pairs(words)}
    return {name: _READERS[name](value) for name, value in given.items()}


def _pairs(words: Iterable[str]) -> dict[str, str]:
    """Words ``key=value`` as a dict; the value of a bare word is the word itself."""
    parts = (word.partition("=") for word in words)
    return {key: value or key for key, _, value in parts}


def _span(text: str) -> Span | None:
    if text == "none":
        return None
    start, comma, end = text.partition(",")
    return (start, end) if comma else (f"{text}_bstart", f"{text}_bend")


def _within(text: str) -> tuple[str, str]:
    table, _, on = text.partition(":")
    return table, on.replace(",", " ")


def _values(text: str) -> dict[str, Expr]:
    return {name: col(column) for name, column in _pairs(text.split(",")).items()}


_READERS: Mapping[str, Callable[[str], object]] = MappingProxyType(
    {
        "origin": str,
        "method": str,
        "confidence": float,
        "priority": int,
        "scope": Scope,
        "span": _span,
        "name": col,
        "qname": col,
        "site": template,
        "within": _within,
        "values": _values,
    }
)
