"""Rows over HTTP are those over Flight, in four formats, streamed."""

import io
import json
import time
from dataclasses import fields

import httpx
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyarrow import csv
from web_server import PATHS, ROWS

from flight_server.serving.request import Request
from flight_server.web.row_requests import PARAMETERS

TABLE = "/v1/seeded/cst_name_refs"
NARROW = {"columns": "path,bstart", "where": "path = 'pkg/m03.py' and bstart > 50000"}
READERS = {
    "application/vnd.apache.arrow.stream": lambda data: pa.ipc.open_stream(data).read_all(),
    "application/vnd.apache.parquet": lambda data: pq.read_table(io.BytesIO(data)),
    "text/csv": lambda data: csv.read_csv(io.BytesIO(data)),
    "application/x-ndjson": lambda data: pa.Table.from_pylist([json.loads(line) for line in data.splitlines()]),
}


def wait_for_no_calls(web) -> None:
    deadline = time.monotonic() + 10
    while len(web.service.calls):
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.mark.parametrize("media_type", READERS)
def test_each_format_has_the_rows_of_flight(web, media_type):
    answer = web.http.get(TABLE, params=NARROW, headers={"Accept": media_type})
    assert answer.headers["content-type"].partition(";")[0] == media_type
    rows = READERS[media_type](answer.content)
    by_flight = web.client.read("seeded", "cst_name_refs", columns=["path", "bstart"], where=NARROW["where"]).read_all()
    assert rows.num_rows == by_flight.num_rows > 9000
    assert rows.to_pydict() == by_flight.to_pydict()


@pytest.mark.parametrize("media_type", READERS)
def test_no_rows_are_a_complete_answer(web, media_type):
    answer = web.http.get(TABLE, params={"where": "bstart < 0", "limit": "5"}, headers={"Accept": media_type})
    assert answer.status_code == 200
    if "csv" in media_type:
        assert answer.text.startswith('"file_id"')
    else:
        assert READERS[media_type](answer.content).num_rows == 0


@pytest.mark.parametrize(
    ("accept", "media_type"),
    [
        ("*/*", "application/x-ndjson"),
        ("text/html,application/xhtml+xml,*/*;q=0.8", "application/x-ndjson"),
        ("application/x-ndjson;q=0.2, text/csv;q=0.9", "text/csv"),
        ("text/html, application/vnd.apache.parquet", "application/vnd.apache.parquet"),
        ("text/csv;q=0, */*;q=0.1", "application/x-ndjson"),
    ],
)
def test_accept_chooses_the_format(web, accept, media_type):
    answer = web.http.get(TABLE, params={"limit": 1}, headers={"Accept": accept})
    assert answer.headers["content-type"].partition(";")[0] == media_type


def test_parts_by_number_and_range_add_up_to_all_rows(web):
    with_parts = web.client.stats("seeded")["parts"]
    assert web.rows("/v1/seeded")[0]["parts"] == with_parts
    ranged = web.rows(TABLE, columns="bstart", parts=f"0-{with_parts - 1}", limit=10)
    assert ranged == web.rows(TABLE, columns="bstart", limit=10)
    assert len(web.rows(TABLE, columns="bstart", parts="0,global", limit=10)) == 10


def test_every_key_of_a_ticket_is_a_parameter():
    keys = {field.name for field in fields(Request)}
    assert {*PARAMETERS, "repo", "dataset", "compression"} == {*keys, "format"}


def test_a_filter_may_be_json(web):
    where = json.dumps({"op": "<", "args": [{"property": "bstart"}, 3]})
    assert [row["bstart"] for row in web.rows(TABLE, where=where)] == [0, 1, 2]


def test_an_output_is_computed(web):
    assert web.rows("/v1/seeded/definitions") == []


def test_a_query_in_sql(web):
    query = {"sql": "select count(distinct path) as n from cst_name_refs where bstart >= ?", "repo": "seeded"}
    answer = web.http.post("/v1/sql", json={**query, "parameters": [0]})
    assert (answer.status_code, answer.json()) == (200, {"n": PATHS})


def test_repos_and_datasets_are_listed(web):
    assert web.http.get("/v1").json() == {"repos": ["seeded"]}
    found = web.http.get("/v1/seeded").json()
    assert found["tables"]["cst_name_refs"]["rows"] == ROWS
    assert "call_graph" in found["datasets"]


def test_head_gives_the_headers_alone(web):
    answer = web.http.head(TABLE, headers={"Accept": "text/csv"})
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["flight-snapshot"] == "1"


def test_the_first_rows_come_before_the_last_are_read(web):
    with web.http.stream("GET", TABLE, headers={"Accept": "text/csv"}) as answer:
        chunks = answer.iter_raw()  # held: the connection closes with it
        next(chunks)
        [call] = web.service.calls.running()
        assert call.rows < ROWS
    wait_for_no_calls(web)


def test_a_client_that_goes_away_ends_the_read(web):
    with httpx.Client(base_url=web.http.base_url) as leaving, leaving.stream("GET", TABLE) as answer:
        chunks = answer.iter_raw()  # held: the connection closes with it
        next(chunks)
        assert len(web.service.calls) == 1
    wait_for_no_calls(web)


def test_a_stream_that_is_cancelled_does_not_look_complete(web):
    with web.http.stream("GET", TABLE, headers={"Accept": "application/x-ndjson"}) as answer:
        chunks = answer.iter_raw()
        next(chunks)
        assert web.service.calls.cancel(lambda call: call.dataset == "cst_name_refs") == 1
        with pytest.raises(httpx.RemoteProtocolError):
            list(chunks)
    wait_for_no_calls(web)


@pytest.mark.parametrize(("given", "kept"), [("mine-7", True), ("two words", False), ("x" * 65, False)])
def test_a_request_id_that_is_a_short_word_is_carried_on(web, given, kept):
    answer = web.http.get(TABLE, params={"limit": 1}, headers={"X-Request-Id": given})
    assert (answer.headers["x-request-id"] == given) is kept
