"""Symbols of a SCIP index: its occurrences as byte spans, aligned with name refs, imports and call sites.

The node of a symbol is ``scip:<symbol>``. The same local symbols occur in every document, so the node of a local symbol
is ``scip:<document_id>:<symbol>``.
"""

from dataclasses import dataclass
from functools import partial

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from arrowdsl.compute.expr import Literal, col
from arrowdsl.plan.nodes import Plan, Scope, Union
from flight_client.contracts.outputs import OUTPUTS
from flight_server.kernels.arrays import Bools, Ints, is_first, truths
from flight_server.kernels.interval_join import Tightest, aligned, on_one_axis, tightest_at_end, tightest_inside
from flight_server.pipeline.families import edges, nodes
from flight_server.pipeline.relational import FILE, join, kernel, output, relation
from flight_server.pipeline.spans import ranges_placed

NODES = nodes("SCIP_SYMBOL scip_symbols {symbol_node_id} scope=repo")
EDGES = (
    *edges(
        """
    PY_DEFINES_SYMBOL     name_span    accessed_symbols[is_definition]   {name_ref_id} > {symbol_node_id}
    PY_REFERENCES_SYMBOL  name_span    accessed_symbols[!is_definition]  {name_ref_id} > {symbol_node_id}
    PY_READS_SYMBOL       name_span    accessed_symbols[is_read]         {name_ref_id} > {symbol_node_id}
    PY_WRITES_SYMBOL      name_span    accessed_symbols[is_write]        {name_ref_id} > {symbol_node_id}
    PY_IMPORTS_SYMBOL     import_span  import_symbols                    {import_id} > {symbol_node_id}
    PY_CALLS_SYMBOL       callee_span  callsite_symbols                  {call_id} > {symbol_node_id}
""",
        origin="scip",
        values="resolution_method,confidence,score,symbol_roles,ambiguity_group_id,rule_name,rule_priority",
    ),
    *edges(
        """
    SCIP_SYMBOL_REFERENCE        symbol_relationship  related_symbols[is_reference]        {src} > {dst}
    SCIP_SYMBOL_IMPLEMENTATION   symbol_relationship  related_symbols[is_implementation]   {src} > {dst}
    SCIP_SYMBOL_TYPE_DEFINITION  symbol_relationship  related_symbols[is_type_definition]  {src} > {dst}
    SCIP_SYMBOL_DEFINITION       symbol_relationship  related_symbols[is_definition]       {src} > {dst}
""",
        origin="scip",
        scope="repo",
    ),
)
EXACT, INSIDE = "span_exact", "span_inside"
_LOCAL = "local "
_DEFINITION, _WRITE, _READ = 1, 4, 8  # bits of symbol_roles


@dataclass(frozen=True)
class Site:
    """A kind of rows that symbols are found for: their id, their own span, and the span of the symbol's name.

    If no occurrence has exactly the name's span, ``tightest`` looks for one inside it; ``shapes`` restricts this to
    call sites with a callee of these shapes. A symbol found inside has the confidence ``inside``. ``carried`` are
    further columns of the result.
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
    def needs(self) -> str:
        """The columns that the search reads."""
        shape = () if self.shapes is None else ("callee_shape",)
        return " ".join(dict.fromkeys(("path", self.id, *self.span, *self.name_span, *shape, *self.carried)))


_SPAN, _ALIAS = ("bstart", "bend"), ("alias_bstart", "alias_bend")
_CALL, _CALLEE = ("call_bstart", "call_bend"), ("callee_bstart", "callee_bend")
NAME_REF = Site("name", "name_ref_id", _SPAN, _SPAN, tightest_inside, 0.8, carried=("ref_kind", "expr_ctx"))
IMPORT = Site("import", "import_id", _ALIAS, _ALIAS, tightest_inside, 0.8)
CALLSITE = Site("callee", "call_id", _CALL, _CALLEE, tightest_at_end, 0.95, shapes=("NAME", "ATTRIBUTE"))


@relation("scip")
def placed_occurrences(scip_occurrences: Plan, scip_documents: Plan, repo_files: Plan, scip_metadata: Plan) -> Plan:
    """The occurrences with their byte spans, or with the reason for having none.

    The columns of scip_occurrences, bstart, bend, span_ok, span_error.
    """
    return ranges_placed(scip_occurrences, scip_documents, repo_files, scip_metadata)


@output("scip")
def scip_occurrences_norm(placed_occurrences: Plan) -> Plan:
    """The occurrences with their byte spans in the repo's files."""
    return placed_occurrences.select(*OUTPUTS["scip_occurrences_norm"].schema.names)


@output("scip")
def span_errors(placed_occurrences: Plan, scip_documents: Plan, repo_files: Plan) -> Plan:
    """The documents with occurrences that have no span, a row for each reason."""
    texts = repo_files.where(col("text").is_not_null()).select("path", stored_sha256=col("file_sha256"))
    columns = "document_id path file_sha256"
    documents = join(scip_documents, texts, "path", keep=columns, take="stored_sha256", kind="left outer")
    reasons = (
        (documents.where(col("stored_sha256").is_null()), Literal("no_text")),
        (documents.where(col("stored_sha256").ne(col("file_sha256"))), Literal("stale")),
        (placed_occurrences.where(col("span_error").is_not_null()), col("span_error")),
    )
    found = Union(tuple(rows.select("document_id", "path", reason=reason) for rows, reason in reasons))
    return found.distinct("document_id", "path", "reason")


@relation("scip")
def name_symbols(cst_name_refs: Plan, placed_occurrences: Plan) -> Plan:
    """The name refs with their symbols.

    The columns of ``rel_name_symbol``, file_id, symbol_node_id, ref_kind, expr_ctx.
    """
    return _symbols(NAME_REF, cst_name_refs, placed_occurrences)


@relation("scip")
def import_symbols(cst_imports: Plan, placed_occurrences: Plan) -> Plan:
    """The imports with their symbols.

    The columns of ``rel_import_symbol``, file_id, symbol_node_id.
    """
    return _symbols(IMPORT, cst_imports, placed_occurrences)


@relation("scip")
def callsite_symbols(cst_callsites: Plan, placed_occurrences: Plan) -> Plan:
    """The call sites with the symbols of their callees.

    The columns of ``rel_callsite_symbol``, file_id, symbol_node_id.
    """
    return _symbols(CALLSITE, cst_callsites, placed_occurrences)


@output("resolve")
def rel_name_symbol(name_symbols: Plan) -> Plan:
    """The symbols of name refs."""
    return name_symbols.select(*OUTPUTS["rel_name_symbol"].schema.names)


@output("resolve")
def rel_import_symbol(import_symbols: Plan) -> Plan:
    """The symbols of imports."""
    return import_symbols.select(*OUTPUTS["rel_import_symbol"].schema.names)


@output("resolve")
def rel_callsite_symbol(callsite_symbols: Plan) -> Plan:
    """The symbols of call sites' callees."""
    return callsite_symbols.select(*OUTPUTS["rel_callsite_symbol"].schema.names)


@relation("scip")
def accessed_symbols(name_symbols: Plan) -> Plan:
    """The name refs with their symbols, and whether they define, read or write the symbol.

    The columns of ``name_symbols``, is_definition, is_read, is_write. The bits of the role and Python's syntax decide:
    a stored name is written, a loaded name is read. The read bit alone does not mark a stored name as read, since
    scip-python 0.6.6 sets it on every occurrence that is not a definition. An import neither reads nor writes a name.
    """
    roles = (name_symbols, "symbol_roles ref_kind expr_ctx")
    return kernel("symbol access", _with_access, roles, adds_columns=True)


@relation("scip")
def part_symbols(scip_occurrences: Plan) -> Plan:
    """The distinct symbols that occur in one part.

    symbol_node_id.
    """
    return _symbol_nodes(scip_occurrences.distinct("document_id", "symbol"))


@relation("scip", Scope.REPO)
def related_symbols(scip_symbol_relationships: Plan) -> Plan:
    """The relationships of symbols, with the nodes of both symbols.

    The columns of scip_symbol_relationships, src, dst.
    """
    given = scip_symbol_relationships.where(col("symbol").is_not_null() & col("related_symbol").is_not_null())
    return _with_symbol_nodes(given, src="symbol", dst="related_symbol")


@relation("scip", Scope.REPO)
def scip_symbols(
    part_symbols: Plan,
    scip_symbol_information: Plan,
    scip_external_symbol_information: Plan,
    related_symbols: Plan,
) -> Plan:
    """The symbols that occur, are described or are related to others: each once, sorted.

    symbol_node_id.
    """
    described = (_symbol_nodes(table) for table in (scip_symbol_information, scip_external_symbol_information))
    ends = (related_symbols.select(symbol_node_id=col(end)) for end in ("src", "dst"))
    return Union((part_symbols, *described, *ends)).distinct("symbol_node_id").order_by("symbol_node_id")


def _symbols(site: Site, sites: Plan, placed_occurrences: Plan) -> Plan:
    usable = placed_occurrences.where(col("span_ok") & col("symbol").is_not_null())
    occurrences = (usable, f"{FILE} document_id symbol symbol_roles bstart bend")
    apply = partial(_symbols_at, site)
    return kernel(f"symbols at {site.name}", apply, occurrences, (sites, site.needs), passes=FILE, group_by="path")


def _symbol_nodes(symbols: Plan) -> Plan:
    named = symbols.where(col("symbol").is_not_null())
    return _with_symbol_nodes(named, symbol_node_id="symbol").select("symbol_node_id")


def _with_symbol_nodes(symbols: Plan, **columns: str) -> Plan:
    """The rows with the nodes of their symbols; ``columns`` maps each new column to its column of symbols."""
    rows = (symbols, f"document_id {' '.join(columns.values())}")
    return kernel(f"symbol nodes {', '.join(columns)}", partial(_with_nodes, columns), rows, adds_columns=True)


def _with_access(table: pa.Table) -> pa.Table:
    roles, context = table.column("symbol_roles"), pc.fill_null(table.column("expr_ctx"), "")
    definition, write, read = (pc.not_equal(pc.bit_wise_and(roles, bit), 0) for bit in (_DEFINITION, _WRITE, _READ))
    used = pc.and_(pc.not_equal(table.column("ref_kind"), "import"), pc.not_equal(context, ""))
    is_read = pc.or_(pc.equal(context, "LOAD"), pc.and_(read, write))
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
    spans = ((sites, site.name_span), (occurrences, _SPAN))
    wanted, known = on_one_axis(*((table["path"], table[start], table[end]) for table, (start, end) in spans))
    pairs, exact = aligned(wanted, known, site.tightest, _may_be_inside(site, sites))
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


def _may_be_inside(site: Site, sites: pa.Table) -> Bools:
    """A mask of the sites for which an occurrence inside the span counts too."""
    if site.shapes is None:
        return np.ones(sites.num_rows, dtype=bool)
    return truths(pc.is_in(sites.column("callee_shape"), pa.array(site.shapes)))


def _distinct(left: Ints, right: Ints, nodes: pa.ChunkedArray, roles: pa.ChunkedArray) -> tuple[Ints, Ints]:
    """The first pair of each site and symbol, in order of the sites, with the union of the roles of equal pairs."""
    bits = np.asarray(pc.fill_null(roles, 0)).astype(np.int64)[right]
    if np.all(np.diff(left) > 0):
        return np.arange(len(left)), bits
    code = np.asarray(pc.dictionary_encode(nodes.combine_chunks()).indices)[right]
    order = np.lexsort((np.arange(len(left)), code, left))
    starts = np.flatnonzero(is_first(left[order], code[order]))
    union = np.bitwise_or.reduceat(bits[order], starts)
    firsts = order[starts]
    by_position = np.argsort(firsts, kind="stable")
    return firsts[by_position], union[by_position]
