"""A whole repo as views in DuckDB, and datasets as HTML."""

import duckdb
import pyarrow as pa
from wire_server import ROWS

from flight_client.notebook import html_of


def test_a_repo_is_a_schema_of_views(client, server):
    connection = duckdb.connect()
    assert client.attach(connection, "r") == ["t", "u"]
    server.tickets.clear()
    query = "select id from r.t join r.u using (id) where i > 5 order by id"
    assert connection.execute(query).fetchall() == [(5,), (9,), (11,)]
    assert {"id"} <= set(server.tickets[-1]["columns"]) < set(ROWS.schema.names)
    assert connection.execute("select count(*) from r.u").fetchone() == (12,)
    client.attach(connection, "r")  # a second time: the newest snapshot
    client.attach(connection, "other")
    query = "select view_name from duckdb_views() where schema_name in ('r', 'other') order by all"
    assert connection.execute(query).fetchall() == [("t",), ("t",), ("u",)]


def test_a_dataset_is_a_table_in_a_notebook(client):
    shown = client.dataset("r", "t")._repr_html_()
    assert "<caption>r.t, 12 rows</caption>" in shown
    assert "<td>f32</td><td>float</td>" in shown


def test_html_has_descriptions_and_escapes_them():
    field = pa.field("a<b", pa.int64(), nullable=False, metadata={"comment": "x & y"})
    assert "<td>a&lt;b</td><td>int64</td><td>not null</td><td>x &amp; y</td>" in html_of("t", pa.schema([field]))
