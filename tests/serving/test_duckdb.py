"""DuckDB in a process of its own: what it asks for arrives at the server as columns and a filter."""

import json
import logging
import subprocess
import sys

import pytest
from serving_store import DEMO, ingested, rows_of, service_over

from flight_server.rpc.server import FlightServer

PATH = "shop/orders.py"
QUERY = """
import sys, duckdb
from flight_client import connect
with connect(sys.argv[1]) as client:
    candidates = client.dataset("demo", "callsite_qname_candidates")
    print(duckdb.sql(sys.argv[2]).fetchall())
"""
TOP_TEN = "select qname, count(*) from candidates where path = 'shop/orders.py' group by 1 order by 2 desc, 1 limit 10"


@pytest.fixture
def server(tmp_path):
    service = service_over(tmp_path)
    ingested(service, DEMO)
    running = FlightServer(service)
    yield running, service
    running.stop()


def test_the_columns_and_the_filter_of_a_query_arrive_at_the_server(server, caplog):
    running, service = server
    caplog.set_level(logging.INFO, "flight_server")
    done = subprocess.run(
        [sys.executable, "-c", QUERY, running.uri, TOP_TEN], capture_output=True, text=True, check=True
    )
    assert done.stderr == ""
    rows = [row for row in rows_of(service, "callsite_qname_candidates").to_pylist() if row["path"] == PATH]
    counts = {name: sum(row["qname"] == name for row in rows) for name in {row["qname"] for row in rows}}
    assert done.stdout.strip() == str(sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))[:10])
    [call] = [record.fields for record in caplog.records if getattr(record, "fields", {}).get("method") == "do_get"]
    asked = json.loads(call["asked"])
    assert set(asked["columns"]) <= {"qname", "path"}
    assert asked["where"] == {"op": "=", "args": [{"property": "path"}, PATH]}
    assert (call["dataset"], call["rows"]) == ("callsite_qname_candidates", len(rows))
