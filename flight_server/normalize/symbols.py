"""Which SCIP symbol a name, an import or a call site is about: occurrences aligned with them, as rows.

A symbol's node is ``scip:<symbol>``; a local one repeats in every document, so its node has the document's id before
it.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from arrowdsl.compute.expr import Call, Column, Expr, conjunction
from arrowdsl.plan.nodes import Kernel, KernelFunction, Plan, Union
from flight_server.kernels.arrays import Bools, Ints
from flight_server.kernels.interval_join import Tightest, aligned, on_one_axis, tightest_at_end, tightest_inside

EXACT, INSIDE = "span_exact", "span_inside"
_LOCAL = "local "
_DEFINITION, _WRITE, _READ = 1, 4, 8  # bits of symbol_roles


@dataclass(frozen=True)
class Site:
    """Rows that symbols are found for: their id, their own span, and the span that the symbol's name is in.

    Where no occurrence is exactly there, ``tightest`` looks inside; if ``shapes`` are given, only in call sites with a
    callee of these shapes. What is found so has the confidence ``inside``. ``carried`` are columns that go along.
    """

    name: str
    id: str
    span: tuple[str, str]
    name_span: tuple[str, str]
    tightest: Tightest
    inside: float
    shapes: tuple[str, ...] | None = None
    carried: tuple[str, ...] = ()

    @property
    def needs(self) -> tuple[str, ...]:
        """The columns that are read."""
        shape = () if self.shapes is None else ("callee_shape",)
        return tuple(dict.fromkeys(("path", self.id, *self.span, *self.name_span, *shape, *self.carried)))


NAME_REF = Site(
    "name",
    "name_ref_id",
    ("bstart", "bend"),
    ("bstart", "bend"),
    tightest_inside,
    0.8,
    carried=("ref_kind", "expr_ctx"),
)
IMPORT = Site(
    "import", "import_id", ("alias_bstart", "alias_bend"), ("alias_bstart", "alias_bend"), tightest_inside, 0.8
)
CALLSITE = Site(
    "callee",
    "call_id",
    ("call_bstart", "call_bend"),
    ("callee_bstart", "callee_bend"),
    tightest_at_end,
    0.95,
    shapes=("NAME", "ATTRIBUTE"),
)


def symbols_at(site: Site, sites: Plan, placed_occurrences: Plan) -> Plan:
    """The columns of a ``rel_*_symbol`` table, and file_id, symbol_node_id and what the site carries."""
    usable = placed_occurrences.where(conjunction((Column("span_ok"), _given("symbol"))))
    function = KernelFunction(
        name=f"symbols at {site.name}",
        version=1,
        apply=partial(_symbols_at, site),
        needs=("file_id", "path", "document_id", "symbol", "symbol_roles", "bstart", "bend"),
        passes=frozenset({"path", "file_id"}),
        group_by="path",
        replaces_columns=True,
        side_needs=(site.needs,),
    )
    return Kernel(usable, function, (sites,))


def occurring(scip_occurrences: Plan) -> Plan:
    """symbol_node_id: the distinct symbols of the occurrences, in no order."""
    return _nodes_of(scip_occurrences.where(_given("symbol")).distinct("document_id", "symbol"))


def related(scip_symbol_relationships: Plan) -> Plan:
    """The relationships with src and dst, the nodes of symbol and related_symbol."""
    given = scip_symbol_relationships.where(conjunction((_given("symbol"), _given("related_symbol"))))
    return _with_symbol_nodes(given, src="symbol", dst="related_symbol")


def all_symbols(part_symbols: Plan, described: Iterable[Plan], related_symbols: Plan) -> Plan:
    """symbol_node_id: the symbols that occur, are described or are related to others; distinct and sorted."""
    ends = (related_symbols.select(symbol_node_id=Column(end)) for end in ("src", "dst"))
    told = (_nodes_of(table.where(_given("symbol"))) for table in described)
    return Union((part_symbols, *told, *ends)).distinct("symbol_node_id").order_by("symbol_node_id")


def _nodes_of(symbols: Plan) -> Plan:
    return _with_symbol_nodes(symbols, symbol_node_id="symbol").select("symbol_node_id")


def _given(column: str) -> Expr:
    return Call("not", (Call("isNull", (Column(column),)),))


def _with_symbol_nodes(symbols: Plan, **columns: str) -> Plan:
    """The rows with the nodes of their symbols: a new column for each column of symbols."""
    function = KernelFunction(
        name=f"symbol nodes {', '.join(columns)}",
        version=1,
        apply=partial(_with_nodes, columns),
        needs=("document_id", *columns.values()),
    )
    return Kernel(symbols, function)


def with_access(name_symbols: Plan) -> Plan:
    """The name refs with is_definition, is_read and is_write: how each uses its symbol.

    The role's bits say so, and Python's syntax: a stored name is written, a loaded one read. A read bit alone does not
    make a stored name read, since scip-python 0.6.6 sets it on all that is no definition; an import neither reads nor
    writes what it names.
    """
    function = KernelFunction("symbol access", 1, _with_access, ("symbol_roles", "ref_kind", "expr_ctx"))
    return Kernel(name_symbols, function)


def _with_access(table: pa.Table) -> pa.Table:
    roles, context = table.column("symbol_roles"), pc.fill_null(table.column("expr_ctx"), "")
    definition, write, read = (pc.not_equal(pc.bit_wise_and(roles, bit), 0) for bit in (_DEFINITION, _WRITE, _READ))
    used = pc.and_(pc.not_equal(table.column("ref_kind"), "import"), pc.not_equal(context, ""))
    loaded = pc.equal(context, "LOAD")
    is_read = pc.or_(loaded, pc.and_(read, write))
    return (
        table.append_column("is_definition", definition)
        .append_column("is_read", pc.and_(used, is_read))
        .append_column("is_write", pc.and_(used, pc.or_(write, pc.equal(context, "STORE"))))
    )


def _with_nodes(columns: dict[str, str], table: pa.Table) -> pa.Table:
    for name, symbol in columns.items():
        table = table.append_column(name, _node_ids(table.column(symbol), table.column("document_id")))
    return table


def _node_ids(symbols: pa.ChunkedArray, documents: pa.ChunkedArray) -> pa.ChunkedArray:
    local = pc.binary_join_element_wise(documents, symbols, ":")
    named = pc.if_else(pc.starts_with(symbols, _LOCAL), local, symbols)
    return pc.binary_join_element_wise("scip", named, ":")


def _symbols_at(site: Site, occurrences: pa.Table, sites: pa.Table) -> pa.Table:
    sites = sites.filter(pc.is_in(sites.column("path"), pc.unique(occurrences.column("path"))))
    spans = ((sites, site.name_span), (occurrences, ("bstart", "bend")))
    wanted, known = on_one_axis(*((table["path"], table[start], table[end]) for table, (start, end) in spans))
    pairs, exact = aligned(wanted, known, site.tightest, _loose(site, sites))
    nodes = _node_ids(occurrences.column("symbol"), occurrences.column("document_id"))
    firsts, roles = _distinct(pairs.left, pairs.right, nodes, occurrences.column("symbol_roles"))
    left, right, exact = pairs.left[firsts], pairs.right[firsts], exact[firsts]
    rivals = np.bincount(left, minlength=sites.num_rows)[left]
    found, at = occurrences.take(pa.array(right)), sites.take(pa.array(left))
    ids = at.column(site.id)
    confidence = np.where(exact, 1.0, site.inside)
    return pa.table(
        {
            site.id: ids,
            "bstart": at.column(site.span[0]),
            "bend": at.column(site.span[1]),
            "symbol": found.column("symbol"),
            "symbol_roles": pa.array(roles, pa.int32()),
            "path": found.column("path"),
            "resolution_method": pc.if_else(pa.array(exact), EXACT, INSIDE),
            "confidence": pa.array(confidence, pa.float32()),
            "score": pa.array(confidence / rivals, pa.float32()),
            "ambiguity_group_id": pc.if_else(pa.array(rivals > 1), ids, pa.scalar(None, pa.string())),
            "rule_name": pc.if_else(pa.array(exact), f"{site.name}_span", f"{site.name}_inside"),
            "rule_priority": pa.array(np.where(exact, 0, 1), pa.int32()),
            "file_id": found.column("file_id"),
            "symbol_node_id": nodes.take(pa.array(right)),
            **{name: at.column(name) for name in site.carried},
        }
    )


def _loose(site: Site, sites: pa.Table) -> Bools:
    """The sites in which an occurrence may be looked for."""
    if site.shapes is None:
        return np.ones(sites.num_rows, dtype=bool)
    return np.asarray(pc.is_in(sites.column("callee_shape"), pa.array(site.shapes)))


def _distinct(left: Ints, right: Ints, nodes: pa.ChunkedArray, roles: pa.ChunkedArray) -> tuple[Ints, Ints]:
    """The first pair of each site and symbol, in order of the sites, and the roles of all pairs like it together."""
    bits = np.asarray(pc.fill_null(roles, 0)).astype(np.int64)[right]
    if np.all(np.diff(left) > 0):
        return np.arange(len(left)), bits
    code = np.asarray(pc.dictionary_encode(nodes.combine_chunks()).indices)[right]
    order = np.lexsort((np.arange(len(left)), code, left))
    changes = (np.diff(left[order], prepend=-1) != 0) | (np.diff(code[order], prepend=-1) != 0)
    starts = np.flatnonzero(changes)
    together = np.bitwise_or.reduceat(bits[order], starts)
    firsts = order[starts]
    by_position = np.argsort(firsts, kind="stable")
    return firsts[by_position], together[by_position]
