"""Flight SQL by the ADBC driver, against a server in a process of its own."""

import subprocess
import sys
import threading
import time

import adbc_driver_flightsql.dbapi as flightsql
import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from adbc_driver_manager import OperationalError
from cli_process import COMMAND, serving
from pyarrow import flight, ipc

from flight_client import connect
from flight_client.contracts.outputs import OUTPUTS
from flight_client.contracts.tables import TABLES
from flight_server.rpc.flight_sql.sql_messages import packed, unpacked

HEADER = {"adbc.flight.sql.rpc.call_header.repo": "demo"}
SLOW = "select count(*) from range(1000000000) a, range(1000000) b where (a.range * b.range) % 7 = 3"
QUERY = "select path, count(*) as n from cst_defs group by path order by path"


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with serving("demo", "--store", tmp_path_factory.mktemp("store")) as running:
        yield running


@pytest.fixture
def connection(server):
    with flightsql.connect(server.uri, db_kwargs=HEADER, autocommit=True) as connected:
        yield connected


@pytest.fixture
def cursor(connection):
    with connection.cursor() as opened:
        yield opened


@pytest.fixture(scope="module")
def expected(server):
    with connect(server.uri) as client, client.sql(QUERY, repo="demo") as reader:
        return reader.read_all()


def run(cursor, query):
    cursor.execute(query)
    return cursor.fetchall()


def test_every_client_gets_the_same_rows(server, connection, cursor, expected):
    cursor.execute(QUERY)
    assert cursor.fetch_arrow_table().equals(expected)
    assert pl.read_database(QUERY, connection).rows() == [tuple(row.values()) for row in expected.to_pylist()]
    assert pd.read_sql(QUERY, connection).to_dict("records") == expected.to_pylist()
    command = [*COMMAND, "sql", "demo", QUERY, "--server", server.uri, "-o", "-"]
    done = subprocess.run(command, capture_output=True, check=True)
    assert ipc.open_stream(done.stdout).read_all().equals(expected)
    with connect(server.uri) as client:
        defs = client.dataset("demo", "cst_defs")
        assert duckdb.sql(QUERY.replace("cst_defs", "defs")).to_arrow_table().equals(expected)
        counted = pl.scan_pyarrow_dataset(defs).group_by("path").agg(n=pl.len()).sort("path").collect()
        assert counted.rows() == [tuple(row.values()) for row in expected.to_pylist()]
        assert defs.count_rows() == sum(expected["n"].to_pylist())


def test_a_repo_is_a_schema_with_and_without_the_header(server, cursor, expected):
    for options in (HEADER, {}):
        opened = flightsql.connect(server.uri, db_kwargs=options, autocommit=True)
        with opened as connected, connected.cursor() as other:
            other.execute(QUERY.replace("cst_defs", "code.demo.cst_defs"))
            assert other.fetch_arrow_table().equals(expected)
    cursor.execute("show tables")
    assert {"cst_defs", "call_graph"} < {name for (name,) in cursor.fetchall()}


def test_parameters(cursor):
    query = "select path, name from cst_defs where kind = {} and path like {} order by all limit 1"
    cursor.execute(query.format("?", "?"), ("class", "shop/%"))
    by_place = cursor.fetchall()
    cursor.execute(query.format("'class'", "'shop/%'"))
    assert cursor.fetchall() == by_place != []
    cursor.execute("select ? + 1, ?::double, ?, ?::boolean, $5", (41, 1.5, None, True, "é"))
    assert cursor.fetchall() == [(42, 1.5, None, True, "é")]
    with pytest.raises(OperationalError, match=r"parameters without a value: 1 \[invalid_sql\]"):
        run(cursor, "select ?")


def test_a_prepared_statement_runs_again_with_other_values(cursor):
    cursor.adbc_prepare("select count(*) from cst_defs where kind = ?")
    for kind in ("class", "function"):
        cursor.execute("select count(*) from cst_defs where kind = ?", (kind,))
        again = cursor.fetchall()
        cursor.execute(f"select count(*) from cst_defs where kind = '{kind}'")
        assert cursor.fetchall() == again


def test_the_schema_of_a_query_is_known_before_it_runs(cursor):
    assert cursor.adbc_execute_schema("select count(*) as n, 'x' as t from cst_defs") == pa.schema(
        [("n", pa.int64()), ("t", pa.string())]
    )


def test_the_catalog(connection):
    [catalog] = connection.adbc_get_objects(depth="all", table_name_filter="c%t_defs").read_all().to_pylist()
    [schema] = catalog["catalog_db_schemas"]
    [table] = schema["db_schema_tables"]
    found = (catalog["catalog_name"], schema["db_schema_name"], table["table_name"], table["table_type"])
    assert found == ("code", "demo", "cst_defs", "TABLE")
    assert [column["column_name"] for column in table["table_columns"]] == TABLES["cst_defs"].schema.names
    assert connection.adbc_get_table_types() == ["TABLE", "VIEW"]
    columns = connection.adbc_get_table_schema("call_graph", db_schema_filter="demo").names
    assert columns == TABLES["call_graph"].schema.names
    assert connection.adbc_get_info()["vendor_name"] == "flight-server"


def command_rows(server, name, **fields):
    """What Flight SQL's command gives, asked as a driver does."""
    with flight.connect(server.uri) as client:
        info = client.get_flight_info(flight.FlightDescriptor.for_command(packed(name, **fields)))
        reader = client.do_get(info.endpoints[0].ticket)
        assert reader.schema == info.schema
        return reader.read_all().to_pylist()


def test_keys_remarks_and_types(server):
    keys = command_rows(server, "CommandGetPrimaryKeys", table="call_graph", db_schema="demo")
    assert tuple(row["column_name"] for row in keys) == TABLES["call_graph"].key
    assert [row["key_sequence"] for row in keys] == [*range(1, len(keys) + 1)]
    for name in ("CommandGetExportedKeys", "CommandGetImportedKeys", "CommandGetCrossReference"):
        assert command_rows(server, name) == []
    [row] = command_rows(server, "CommandGetTables", table_name_filter_pattern="cst_defs", include_schema=True)
    schema = ipc.read_schema(pa.py_buffer(row["table_schema"]))
    remarks = [(column.metadata or {}).get(b"ARROW:FLIGHT:SQL:REMARKS") for column in schema]
    assert remarks == [(column.metadata or {}).get(b"comment") for column in TABLES["cst_defs"].schema]
    assert all(remarks)
    views = command_rows(server, "CommandGetTables", table_types=["VIEW"], table_name_filter_pattern="call_%")
    assert {row["table_name"] for row in views} == {name for name in OUTPUTS if name.startswith("call")}
    [schema] = command_rows(server, "CommandGetDbSchemas", db_schema_filter_pattern="d%")
    assert schema == {"catalog_name": "code", "db_schema_name": "demo"}
    assert command_rows(server, "CommandGetDbSchemas", catalog="other") == []
    assert {row["type_name"] for row in command_rows(server, "CommandGetXdbcTypeInfo", data_type=12)} == {"VARCHAR"}
    assert command_rows(server, "CommandGetSqlInfo", info=[0, 8]) == [
        {"info_name": 0, "value": "flight-server"},
        {"info_name": 8, "value": 0},
    ]


def test_raw_tables_are_ingested(server, cursor):
    objects = pa.table({"rt_id": ["rt:os"], "module": ["os"], "name": ["os"], "obj_type": ["module"]})
    for mode, rows in (("create", 1), ("append", 2), ("replace", 1), ("create_append", 2)):
        assert cursor.adbc_ingest("rt_objects", objects, mode=mode, db_schema_name="tryout") == 1
        cursor.execute("select count(*) from tryout.rt_objects")
        assert cursor.fetchall() == [(rows,)]
    with pytest.raises(OperationalError, match=r"tryout.rt_objects has rows already"):
        cursor.adbc_ingest("rt_objects", objects, mode="create", db_schema_name="tryout")
    with pytest.raises(OperationalError, match="unknown raw table 'call_graph'"):
        cursor.adbc_ingest("call_graph", objects, mode="append", db_schema_name="tryout")
    with connect(server.uri) as client:
        client.drop("tryout")


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("select nothing from cst_defs", "invalid_sql"),
        ("drop table cst_defs", "sql_not_allowed"),
        ("insert into cst_defs values (1)", "sql_not_allowed"),
        ("select * from read_csv('/etc/passwd')", "sql_not_allowed"),
    ],
)
def test_errors_have_codes(cursor, query, code):
    with pytest.raises(OperationalError, match=rf"\[{code}\]"):
        cursor.execute(query)


def test_transactions_are_refused_politely(server):
    with pytest.warns(UserWarning, match="Cannot disable autocommit"):
        connected = flightsql.connect(server.uri, db_kwargs=HEADER)
    with connected, connected.cursor() as cursor:
        cursor.execute("select 1")
        assert cursor.fetchall() == [(1,)]
        connected.commit()
    with flight.connect(server.uri) as client, pytest.raises(flight.FlightError, match="has no transactions"):
        list(client.do_action(flight.Action("BeginTransaction", b"")))


def test_a_cancelled_query_stops_on_the_server(server, cursor):
    threading.Timer(0.5, cursor.adbc_cancel).start()
    started = time.monotonic()
    with pytest.raises(OperationalError, match=r"(?i)cancel"):
        run(cursor, SLOW)
    with connect(server.uri) as client:
        while client.stats()["running_calls"]:
            assert time.monotonic() - started < 20
            time.sleep(0.1)


def test_cancel_query_stops_the_streams_of_a_flight_info(server):
    with flight.connect(server.uri) as client:
        info = client.get_flight_info(flight.FlightDescriptor.for_command(packed("CommandStatementQuery", query=SLOW)))
        reader = client.do_get(info.endpoints[0].ticket)
        time.sleep(0.5)
        cancel = packed("ActionCancelQueryRequest", info=info.serialize())
        [result] = client.do_action(flight.Action("CancelQuery", cancel))
        assert unpacked(result.body.to_pybytes())[1].result == 1
        with pytest.raises((flight.FlightCancelledError, KeyboardInterrupt)):  # pyarrow raises the second
            reader.read_all()


HIDDEN = """
import importlib.util, sys
found = importlib.util.find_spec
hidden = ("duckdb", "google")
importlib.util.find_spec = lambda name, *where: None if name.partition(".")[0] in hidden else found(name, *where)
from flight_server.cli.main import main
main()
"""


def test_without_the_extra_a_client_is_told_how_to_get_it(tmp_path):
    words = [sys.executable, "-c", HIDDEN, "demo", "--store", str(tmp_path), "--port", "0"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
        try:
            uri = next(line.split()[-1] for line in process.stdout if line.startswith("listening on "))
            advice = r"no SQL here.*pip install 'flight-server\[sql\]'"
            refused = pytest.raises(OperationalError, match=advice)
            with flightsql.connect(uri, autocommit=True) as connected, connected.cursor() as cursor, refused:
                cursor.execute("select 1")
            with connect(uri) as client, pytest.raises(Exception, match=advice):
                client.sql("select 1", repo="demo")
        finally:
            process.terminate()
