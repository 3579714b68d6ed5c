"""Laws between the raw tables of any source, as SQL over three real packages: a query finds what breaks one.

The packages are those that the tests have installed anyway.
"""

import re
from pathlib import Path

import click
import duckdb
import hypothesis
import libcst
import pyarrow as pa
import pytest

from flight_client.extract import EXTRACTED, extract, scan
from flight_client.extract.raw_rows import SCHEMAS

PACKAGES = {module.__name__: Path(module.__file__).parent for module in (click, hypothesis, libcst)}
IDS = {
    name: next((f.name for f in SCHEMAS[name] if not f.nullable and f.name not in ("file_id", "path")), None)
    for name in EXTRACTED
}
SPANS = {
    name: [f.name.removesuffix("bstart") for f in SCHEMAS[name] if f.name.endswith("bstart")] for name in EXTRACTED
}
KEYED = ("cst_defs", "cst_params", "cst_imports", "cst_name_refs", "cst_callsites", "cst_type_exprs", "sym_scopes")
KEYED += ("sym_symbols", "sym_scope_edges", "sym_namespace_edges", "cfg_points", "var_events", "flow_calls")
REFERENCES = (
    "cst_defs.container_def_id > cst_defs.def_id",
    "cst_defs.scope_id > sym_scopes.scope_id",
    "cst_params.def_id > cst_defs.def_id",
    "cst_params.type_expr_id > cst_type_exprs.type_expr_id",
    "cst_decorators.def_id > cst_defs.def_id",
    "cst_decorators.site_id > flow_calls.site_id",
    "cst_bases.def_id > cst_defs.def_id",
    "cst_imports.scope_id > sym_scopes.scope_id",
    "cst_name_refs.scope_id > sym_scopes.scope_id",
    "cst_callsites.owner_def_id > cst_defs.def_id",
    "cst_callsites.scope_id > sym_scopes.scope_id",
    "sym_scopes.def_id > cst_defs.def_id",
    "sym_symbols.scope_id > sym_scopes.scope_id",
    "sym_scope_edges.parent_scope_id > sym_scopes.scope_id",
    "sym_scope_edges.child_scope_id > sym_scopes.scope_id",
    "sym_namespace_edges.symbol_row_id > sym_symbols.symbol_row_id",
    "cfg_points.owner_def_id > cst_defs.def_id",
    "cfg_flow.src > cfg_points.point_id",
    "cfg_flow.dst > cfg_points.point_id",
    "var_events.point_id > cfg_points.point_id",
    "var_events.binding_id > sym_symbols.symbol_row_id",
    "var_events.name_ref_id > cst_name_refs.name_ref_id",
    "flow_calls.call_id > cst_callsites.call_id",
    "flow_calls.caller_def_id > cst_defs.def_id",
    "flow_args.site_id > flow_calls.site_id",
)


@pytest.fixture(scope="module", params=PACKAGES)
def package(request):
    """A connection that has the raw tables of one package."""
    root = PACKAGES[request.param]
    connection = duckdb.connect()
    for name, table in tables(root).items():
        connection.register(name, table)
    return connection


def tables(root: Path) -> dict[str, pa.Table]:
    found: dict[str, list[pa.RecordBatch]] = {name: [] for name in EXTRACTED}
    for name, batch in extract(scan(root), repo="r", parts=1, jobs=1):
        found[name].append(batch)
    return {name: pa.Table.from_batches(batches, SCHEMAS[name]) for name, batches in found.items()}


def breaks(package: duckdb.DuckDBPyConnection, query: str) -> list[tuple[object, ...]]:
    return package.sql(f"{query} limit 5").fetchall()


def test_all_files_are_parsed(package):
    assert breaks(package, "select path, error_type from cst_parse_errors") == []


@pytest.mark.parametrize("table", KEYED)
def test_ids_are_unique(package, table):
    assert breaks(package, f"select {IDS[table]} from {table} group by 1 having count(*) > 1") == []


@pytest.mark.parametrize("reference", REFERENCES)
def test_what_a_row_names_is_there(package, reference):
    table, column, other, key = re.fullmatch(r"(\w+)\.(\w+) > (\w+)\.(\w+)", reference).groups()
    query = f"select {column} from {table} where {column} is not null and {column} not in (select {key} from {other})"
    assert breaks(package, query) == []


@pytest.mark.parametrize("table", [name for name in EXTRACTED if SPANS[name] and name != "repo_files"])
def test_spans_lie_in_their_file(package, table):
    for prefix in SPANS[table]:
        start, end = f"{prefix}bstart", f"{prefix}bend"
        outside = f"{start} < 0 or {end} < {start} or {end} > strlen(text)"
        query = f"select t.file_id, {start} from {table} t join repo_files f using (file_id) where {outside}"
        assert breaks(package, query) == []


def test_nodes_and_definitions_lie_in_their_parents(package):
    nested = """
        select c.path, c.ast_idx from ast_nodes c join ast_nodes p on p.path = c.path and p.ast_idx = c.parent_ast_idx
        where not (c.bstart >= p.bstart and c.bend <= p.bend) and c.field_name <> 'decorator_list'
    """
    assert breaks(package, nested) == []
    inside = """
        select c.def_id from cst_defs c join cst_defs p on p.def_id = c.container_def_id
        where not (c.def_bstart >= p.def_bstart and c.def_bend <= p.def_bend)
    """
    assert breaks(package, inside) == []


def test_every_point_is_reached_from_its_entry_or_has_no_way_in(package):
    reached = """
        with recursive reached(point) as (
            select point_id from cfg_points where kind = 'entry'
            union select dst from cfg_flow join reached on src = point
        )
        select dst from cfg_flow where dst not in (select point from reached)
    """
    assert breaks(package, reached) == []


def test_places_of_the_flow_belong_to_definitions(package):
    places = """
        select dst as place from flow_copies union select src from flow_copies union select place from flow_allocs
        union select dst from flow_loads union select base from flow_loads union select callee from flow_calls
    """
    owners = """
        select def_id as owner from cst_defs union select scope_id from sym_scopes
        union select def_id || '/scope' from cst_defs where kind = 'made_class'
    """
    strays = f"""
        with places as ({places}), owners as ({owners})
        select place from places
        where place is not null and regexp_extract(place, '^(?:ret|yld):(.*)$', 1) not in (select owner from owners)
        and regexp_extract(place, '^(?:x|var):(.*):[^:]*$', 1) not in (select owner from owners)
    """
    assert breaks(package, strays) == []
