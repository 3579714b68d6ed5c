"""SQL over the datasets: the answers are DuckDB's over the same rows, and nothing but reading is possible."""

import threading
import time

import duckdb
import pyarrow as pa
import pytest
from serving_store import DEMO, PIPELINE, ingested, rows_of

from arrowdsl.errors import DataError
from flight_server.serving.limits import Limits
from flight_server.serving.service import Capacity, Service
from flight_server.serving.sql import query_reads
from flight_server.serving.sql_request import SqlRequest
from flight_server.serving.stream import open_read
from flight_server.storage.store import Store

CALLERS = """
with recursive callers as (
    select 'builtins.len' as qname, 0 as steps
    union
    select caller_qname, steps + 1 from call_graph join callers on callee_qname = qname where steps < 8
)
select qname, min(steps) as steps from callers group by qname order by all
"""
FOLLOWED = (
    "select a.caller_qname, b.callee_qname from call_graph a join call_graph b on a.callee_qname = b.caller_qname"
)
UNCALLED = "select name from cst_defs where def_id not in (select callee_def_id from call_graph where not is_external)"
QUERIES = (
    "select count(*) from cst_defs",
    "select kind, count(*) as n, count(distinct path) from cst_defs group by kind order by kind",
    "select path, name, qnames[1].name from cst_defs where kind = 'class' and path like 'shop/%' order by all",
    f"{FOLLOWED} order by all",
    "select edge_kind, count(*) from cpg_edges where edge_kind in ('INHERITS', 'PY_CALLS_DEF') group by 1 order by 1",
    f"{UNCALLED} order by all",
    "select path, name from cst_name_refs where bstart % 7 = 3 and not starts_with(name, 's') order by all limit 20",
    CALLERS,
)


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    limits = Limits(memory=512 * 1024 * 1024, query_seconds=30)
    service = Service(Store(tmp_path_factory.mktemp("store")), PIPELINE, Capacity(limits))
    ingested(service, DEMO)
    return service


@pytest.fixture(scope="module")
def reference(service):
    """The same rows as tables of a database of the test's own."""
    connection = duckdb.connect()
    for name in ("cst_defs", "call_graph", "cpg_edges", "cst_name_refs"):
        connection.register("arrow_rows", rows_of(service, name))
        connection.execute(f"create table {name} as from arrow_rows")
    return connection


def never() -> None:
    """The check of a query that is never stopped."""


def asked(service, sql, repo="demo", check=never, **parameters):
    answer = service.answer(SqlRequest(sql, repo, tuple(parameters.items())))
    return pa.Table.from_batches(answer.rows(check), answer.schema)


def refusal(service, sql, **keys):
    with pytest.raises(DataError) as caught:
        asked(service, sql, **keys)
    return caught.value.code


@pytest.mark.parametrize("sql", QUERIES)
def test_answers_are_those_over_the_same_rows_in_tables(service, reference, sql):
    found = asked(service, sql)
    assert [tuple(row.values()) for row in found.to_pylist()] == reference.sql(sql).fetchall()
    assert found.num_rows


def test_a_repo_is_a_schema(service):
    expected = asked(service, "select count(*) from cst_defs")
    for table in ("demo.cst_defs", "code.demo.cst_defs", '"demo".CST_DEFS'):
        assert asked(service, f"select count(*) from {table}", repo=None).equals(expected)


def test_a_name_without_a_repo_is_clear_with_one_repo_only(service, tmp_path):
    assert asked(service, "select count(*) from cst_defs", repo=None).num_rows == 1
    two = Service(Store(tmp_path), PIPELINE)
    for repo in ("one", "two-b"):
        ingested(two, DEMO, repo)
    with pytest.raises(DataError, match=r'which repo.*"REPO".cst_defs; repos: one, two-b'):
        asked(two, "select * from cst_defs", repo=None)
    both = asked(two, 'select count(*) from one.cst_defs join "two-b".cst_defs using (path, name)', repo=None)
    assert both.to_pylist() != [{"count_star()": 0}]


def test_parameters_are_bound_by_place_and_by_name(service):
    by_place = asked(service, "select ?::int + 1 as n, $2 as t", **{"1": 2, "2": "x"})
    by_name = asked(service, "select $a::int + 1 as n, $b as t", a=2, b="x")
    assert by_place.to_pylist() == by_name.to_pylist() == [{"n": 3, "t": "x"}]
    assert service.sql.parameters("select ?, ?, $10, $2") == ["1", "2", "10"]
    assert refusal(service, "select $a") == "invalid_sql"
    assert refusal(service, "select 1", a=2) == "invalid_sql"


def test_tables_and_columns_are_listed(service):
    names = asked(service, "show tables")["name"].to_pylist()
    assert {"cst_defs", "call_graph"} < {*names}
    columns = asked(service, "select column_name from information_schema.columns where table_name = 'cst_defs'")
    assert columns["column_name"].to_pylist() == service.sql.schema(SqlRequest("from cst_defs", "demo")).names
    assert asked(service, "describe call_graph").num_rows == asked(service, "from call_graph limit 0").num_columns


def test_the_schema_is_known_before_the_query_runs(service):
    slow = "select count(*) as n, 'x' as t from range(1000000000) a, range(1000000000) b"
    assert service.answer(SqlRequest(slow, "demo")).schema == pa.schema([("n", pa.int64()), ("t", pa.string())])


@pytest.mark.parametrize(
    ("sql", "code"),
    [
        ("selec 1", "invalid_sql"),
        ("", "sql_not_allowed"),
        ("select * from nowhere", "invalid_sql"),
        ("select nothing from cst_defs", "invalid_sql"),
        ("select 'a'::int", "invalid_sql"),
        ("select 1; select 2", "sql_not_allowed"),
        ("create table t (i int)", "sql_not_allowed"),
        ("create temp table t (i int)", "sql_not_allowed"),
        ("create macro m() as 1", "sql_not_allowed"),
        ("with t as (insert into t values (1) returning *) from t", "sql_not_allowed"),
        ("explain create table t (i int)", "sql_not_allowed"),
        ("explain analyze copy (select 1) to '/tmp/x'", "sql_not_allowed"),
        ("/* a */ explain /* b */ analyze -- c\n insert into t values (1)", "sql_not_allowed"),
        ("insert into cst_defs values (1)", "sql_not_allowed"),
        ("delete from cst_defs", "sql_not_allowed"),
        ("drop schema demo cascade", "sql_not_allowed"),
        ("set memory_limit = '100GB'", "sql_not_allowed"),
        ("pragma database_list", "sql_not_allowed"),
        ("call pragma_database_size()", "sql_not_allowed"),
        ("attach 'x.db'", "sql_not_allowed"),
        ("copy (select 1) to '/tmp/x'", "sql_not_allowed"),
        ("install httpfs", "sql_not_allowed"),
        ("load httpfs", "sql_not_allowed"),
        ("export database '/tmp/x'", "sql_not_allowed"),
        ("prepare p as select 1", "sql_not_allowed"),
        ("begin", "sql_not_allowed"),
        ("use memory", "sql_not_allowed"),
        ("select * from read_csv('/etc/passwd')", "sql_not_allowed"),
        ("select * from '/etc/passwd'", "invalid_sql"),
        ("select * from 'https://example.org/x.parquet'", "invalid_sql"),
        ("select (select count(*) from read_text('/etc/passwd'))", "sql_not_allowed"),
        ("select * from system.main.read_blob('/etc/passwd')", "sql_not_allowed"),
        ("select * from glob('/*')", "sql_not_allowed"),
        ("select * from query('select 1')", "sql_not_allowed"),
        ("select * from arrow_scan(1, 2, 3)", "sql_not_allowed"),
        ("from python_arrow_scan(1, 2, 3)", "sql_not_allowed"),
        ("with x as (from pandas_scan(1)) select 1", "sql_not_allowed"),
        ("select sleep_ms(100000)", "sql_not_allowed"),
        ("select write_log('x')", "sql_not_allowed"),
        ("select * from service", "invalid_sql"),  # a variable of the test, and of no query
        ("select " + "(" * 5000 + "1" + ")" * 5000, "invalid_sql"),
        ("select list(repeat('x', 1000) || i) from range(100000000) r(i)", "out_of_memory"),
        (
            "select a.path from cst_name_refs a, cst_name_refs b, cst_name_refs c order by random(), a.name, b.name",
            "out_of_memory",
        ),
    ],
)
def test_a_statement_that_does_more_than_read_is_refused(service, sql, code):
    assert refusal(service, sql) == code
    assert asked(service, "select count(*) from cst_defs").num_rows == 1


@pytest.mark.parametrize(
    "sql",
    [
        "select count(*) from range(1000000000) a, range(1000000) b where (a.range * b.range) % 7 = 3",
        "select a.range from range(1000000000) a, range(1000000) b where (a.range * b.range) % 7 = 2 - b.range",
        "select * from cst_name_refs a, range(1000000000)",
    ],
)
def test_a_stopped_query_ends_soon(service, sql):
    stopped = threading.Event()

    def check():
        if stopped.is_set():
            raise DataError("stopped")

    threading.Timer(0.5, stopped.set).start()
    started = time.monotonic()
    with pytest.raises(DataError, match="stopped"):
        for _ in service.answer(SqlRequest(sql, "demo")).rows(check):
            pass
    assert time.monotonic() - started < 5
    assert asked(service, "select count(*) from cst_defs").num_rows == 1


def test_a_table_that_a_query_reads_more_than_once_is_read_once(service, monkeypatch):
    reads = []

    def counted(read, check):
        reads.append(read.request.dataset)
        return open_read(read, check)

    monkeypatch.setattr(query_reads, "open_read", counted)
    asked(service, CALLERS)
    assert reads == ["call_graph"]
    reads.clear()
    asked(
        service,
        "select count(*) from call_graph a join call_graph b on a.callee_qname = b.caller_qname where a.path <> ''",
    )
    assert reads.count("call_graph") <= 2
