"""FlightDataset as a plain pyarrow dataset and in three query engines, with what arrives at the server."""

import duckdb
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
import pytest
from datafusion import SessionContext
from wire_server import ROWS, same

from flight_client import FlightClientError

field = pc.field
LOCAL = ds.dataset(ROWS)


@pytest.fixture
def dataset(client):
    return client.dataset("r", "t")


def asked(server):
    """Columns and filter of the reads since the last look; one per endpoint, all alike."""
    reads = {(tuple(ticket["columns"]), str(ticket.get("where"))) for ticket in server.tickets}
    server.tickets.clear()
    return reads


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"columns": ["s", "id"]},
        {"columns": ["id"], "filter": field("d") == "x"},
        {"columns": {"next": field("id") + 1, "name": field("s")}, "filter": field("i") > 0},
        {"columns": ["s"], "filter": (field("id") + field("i") > 8) & field("b")},
        {"filter": field("f").is_nan(), "batch_size": 1, "use_threads": True, "fragment_readahead": 2},
        {"columns": []},
        {"columns": ["id"], "filter": pc.field(1) > 3},
    ],
)
def test_as_pyarrow_reads_the_same_rows_in_memory(dataset, options):
    assert same(dataset.to_table(**options), LOCAL.to_table(**options))
    assert dataset.scanner(**options).projected_schema.equals(LOCAL.scanner(**options).projected_schema)
    assert dataset.count_rows(filter=options.get("filter")) == LOCAL.count_rows(filter=options.get("filter"))
    assert same(dataset.head(2, **options), LOCAL.head(2, **options))


def test_batch_size_is_the_most_rows_of_a_batch(dataset):
    assert {batch.num_rows for batch in dataset.to_batches(batch_size=1)} == {1}


def test_count_rows_reads_nothing_when_the_server_knows(dataset, server):
    assert dataset.count_rows() == 12
    assert server.tickets == []


def test_only_what_a_read_needs_is_asked_for(dataset, server):
    dataset.to_table(columns=["s"], filter=(field("i") > 0) & (field("f").is_nan()))
    assert asked(server) == {(("f", "s"), "{'op': '>', 'args': [{'property': 'i'}, 0]}")}
    dataset.count_rows(field("i") > 0)
    assert asked(server) == {(("b",), "{'op': '>', 'args': [{'property': 'i'}, 0]}")}


def test_head_of_what_the_server_filters_is_asked_for_with_a_limit(dataset, server):
    assert dataset.head(2, columns=["id"]).num_rows == 2
    assert [ticket["limit"] for ticket in server.tickets] == [2]


def test_filters_of_the_dataset_and_of_the_read_hold_together(client):
    dataset = client.dataset("r", "t", where={"op": ">", "args": [{"property": "i"}, 0]}).filter(field("id") > 4)
    assert dataset.to_table(columns=["id"], filter=field("id") < 8)["id"].to_pylist() == [5, 7]
    assert dataset.count_rows() == 5


def test_a_dataset_stays_with_its_snapshot(client, server):
    dataset = client.dataset("r", "t")
    server.snapshot, before = 99, server.snapshot
    dataset.to_table()
    server.snapshot = before
    assert {ticket["snapshot"] for ticket in server.tickets} == {before}


def test_what_pyarrow_does_in_memory(dataset):
    assert dataset.sort_by([("id", "descending")]).to_table()["id"].to_pylist() == list(range(11, -1, -1))
    assert dataset.join(dataset, "id", right_suffix="_r").count_rows() == 12
    assert dataset.take([3, 1], columns=["id"])["id"].to_pylist() == [3, 1]
    assert dataset.partition_expression.equals(LOCAL.partition_expression)


def test_fragments_are_the_endpoints(dataset):
    fragments = list(dataset.get_fragments())
    assert [fragment.count_rows() for fragment in fragments] == [4, 4, 4]
    assert same(pa.concat_tables(fragment.to_table() for fragment in fragments), ROWS)
    assert fragments[0].physical_schema == ROWS.schema


def test_a_stream_of_another_schema_than_promised_is_refused(client):
    with pytest.raises(FlightClientError) as raised:
        client.dataset("r", "changed").to_table()
    assert raised.value.code == "schema_mismatch"


QUERIES = [
    "select id, i from rows where i > 0 order by id",
    "select id, s from rows where i between 0 and 5 order by id",
    "select id from rows where i in (1, 5, 7) order by id",
    "select id from rows where i not in (1, 5) order by id",
    "select id from rows where i is null order by id",
    "select id from rows where i is not null order by id",
    "select id from rows where s = 'a' or i > 50 order by id",
    "select id from rows where s <> 'a' order by id",
    "select id, s from rows where s > 'a' order by id",
    "select id from rows where s in ('a', 'ab') order by id",
    "select id, d from rows where d = 'x' order by id",
    "select id from rows where d in ('x', 'y') order by id",
    "select id, d from rows where d not in ('x', 'y') order by id",
    "select id from rows where f = 0.5 order by id",
    "select id from rows where b = true order by id",
    "select id from rows where i8 > 3 and (s is null or i < 100) order by id",
]


def in_duckdb(rows, query):
    with duckdb.connect(config={"threads": 4}) as connection:
        connection.register("rows", rows)
        return connection.sql(query).fetchall()


def in_datafusion(rows, query):
    context = SessionContext()
    context.register_dataset("rows", rows)
    return context.sql(query).to_pydict()


@pytest.mark.parametrize("query", QUERIES)
@pytest.mark.parametrize("run", [in_duckdb, in_datafusion])
def test_sql_gives_the_rows_that_it_gives_in_memory_and_sends_its_filter(dataset, server, query, run):
    server.tickets.clear()
    assert run(dataset, query) == run(LOCAL, query)
    assert server.tickets
    assert all("where" in ticket for ticket in server.tickets)


@pytest.mark.parametrize(
    "where",
    [
        pl.col("i") > 0,
        pl.col("i").is_between(0, 5),
        pl.col("i").is_in([1, 5]),
        pl.col("i").is_null(),
        pl.col("i").is_not_null(),
        (pl.col("s") == "a") | (pl.col("i") > 50),
        pl.col("s") != "a",
        pl.col("d") == "x",
        pl.col("b"),
        ~pl.col("b"),
    ],
)
def test_polars(dataset, server, where):
    names = ["id", "i", "s", "d", "b"]
    server.tickets.clear()
    remote = pl.scan_pyarrow_dataset(dataset).filter(where).select("id").collect()
    assert remote.equals(pl.from_arrow(ROWS.select(names)).filter(where).select("id"))
    assert all("where" in ticket and set(ticket["columns"]) <= {*names} for ticket in server.tickets)


def test_engines_count_rows_without_columns(dataset):
    query = "select count(*) as n from rows"
    assert in_duckdb(dataset, query) == [(12,)]
    assert in_datafusion(dataset, query) == {"n": [12]}
    assert pl.scan_pyarrow_dataset(dataset).select(pl.len()).collect().item() == 12


def test_duckdb_scans_a_dataset_several_times_in_a_query(dataset):
    query = "select count(*) from rows a join rows b using (id) join rows c using (id) where a.i > 0"
    assert in_duckdb(dataset, query) == [(7,)]


def test_an_error_half_way_reaches_the_engine_with_its_message(client):
    broken = client.dataset("r", "broken")
    with pytest.raises(duckdb.Error, match="the disk is gone"):
        in_duckdb(broken, "select sum(n) from rows")
    with pytest.raises(FlightClientError, match="the disk is gone"):
        pl.scan_pyarrow_dataset(broken).select(pl.len()).collect()
