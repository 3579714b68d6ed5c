"""Endpoints side by side: order, bounds, errors, and servers that are somewhere else or nowhere."""

import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from wire_server import BATCH, RETRY_AFTER, ROWS, WireServer, same

from flight_client import FlightClientError, ServerBusyError, StreamClosedError, UnreachableError, connect
from flight_client.parallel import HELD_BYTES
from flight_client.streams import BUSY_WAITS

NOWHERE = "grpc://127.0.0.1:1"
REUSE = "arrow-flight-reuse-connection://?"
PARTS = 6


@pytest.fixture
def many():
    with WireServer({("r", "t"): ROWS}, parts=PARTS) as server:
        yield server


@pytest.fixture(params=["before the schema", "after the schema"])
def refusing(request, many, elsewhere):
    """The server ``many``, which refuses at either time, as ``elsewhere`` does."""
    many.refuses_late = elsewhere.refuses_late = request.param == "after the schema"
    return many


@pytest.fixture
def elsewhere():
    with WireServer({("r", "t"): ROWS}, parts=PARTS) as server:
        yield server


@pytest.fixture
def near(many):
    with connect(many.uri) as client:
        yield client


@pytest.mark.parametrize("streams", [1, 2, 3, PARTS, 50])
def test_rows_come_in_the_endpoints_order(near, many, streams):
    assert same(near.dataset("r", "t", streams=streams).to_table(), ROWS)
    assert same(near.read("r", "t", streams=streams).read_all(), ROWS)
    assert many.most_streams <= streams


def test_rows_that_come_as_they_arrive_are_the_same_rows(near):
    rows = near.read("r", "t", streams=3, ordered=False).read_all()
    assert same(rows.sort_by("id"), ROWS)


def test_a_read_without_streams_is_one_call(near, many):
    near.read("r", "t").read_all()
    assert len(many.tickets) == 1
    near.read("r", "t", streams=2).read_all()
    assert len(many.tickets) == 1 + PARTS


def test_a_limit_is_one_call(near, many):
    assert near.read("r", "t", streams=4, limit=5).read_all().num_rows == 5
    assert len(many.tickets) == 1


def test_nothing_is_fetched_before_it_is_asked_for(near, many):
    reader = near.read("r", "t", streams=2)
    assert many.tickets == []
    assert reader.read_all().num_rows == 12


def test_no_streams_is_refused(near):
    with pytest.raises(FlightClientError, match="streams is 1 or more, given: 0"):
        near.read("r", "t", streams=0)


@pytest.mark.parametrize("ordered", [True, False])
def test_an_error_keeps_its_code_and_stops_the_others(near, many, ordered):
    reader = near.read("r", "broken", streams=3, ordered=ordered)
    with pytest.raises(FlightClientError, match="the disk is gone") as raised:
        reader.read_all()
    assert raised.value.code == "disk_gone"
    assert many.wait_until_idle()
    assert len(many.tickets) < PARTS


@pytest.mark.parametrize("ordered", [True, False])
@pytest.mark.parametrize("dataset", ["endless", "stuck"])
def test_closing_frees_every_call(near, many, dataset, ordered):
    reader = near.read("r", dataset, streams=3, ordered=ordered)
    reader.read_next_batch()
    reader.close()
    assert many.wait_until_idle()
    with pytest.raises(StreamClosedError):
        reader.read_next_batch()


def test_a_reader_that_waits_is_woken_by_close(near):
    reader = near.read("r", "stuck", streams=2)
    reader.read_next_batch()
    failures = []

    def wait():
        try:
            reader.read_next_batch()
        except FlightClientError as error:
            failures.append(error.code)

    waiting = threading.Thread(target=wait)
    waiting.start()
    reader.close()
    waiting.join(60)
    assert failures == ["closed"]


def test_no_thread_is_left(near):
    near.read("r", "t", streams=4).read_all()
    reader = near.read("r", "endless", streams=4)
    reader.read_next_batch()
    del reader
    deadline = time.monotonic() + 30
    while (left := fetching()) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not left


def fetching():
    return [thread for thread in threading.enumerate() if thread.name == "flight_client fetch"]


@pytest.mark.parametrize("ordered", [True, False])
def test_a_reader_that_pauses_holds_a_bounded_number_of_batches(near, many, ordered):
    reader = near.read("r", "endless", streams=PARTS, ordered=ordered)
    reader.read_next_batch()
    seen = -1
    while seen < many.batches:  # until the server has not been asked for more for a while
        seen = many.batches
        time.sleep(0.3)
    in_flight = PARTS * 16  # what each call may have under way in gRPC, generously
    assert many.batches <= HELD_BYTES // BATCH.nbytes + in_flight
    reader.close()


def test_endpoints_are_fetched_where_they_are(near, many, elsewhere):
    many.locations = [elsewhere.uri]
    assert same(near.dataset("r", "t").to_table(), ROWS)
    assert (len(many.tickets), len(elsewhere.tickets)) == (0, PARTS)


@pytest.mark.parametrize("first", [REUSE, None])
def test_the_same_connection_is_a_location(near, many, elsewhere, first):
    many.locations = [first or many.uri, elsewhere.uri]
    assert same(near.dataset("r", "t").to_table(), ROWS)
    assert (len(many.tickets), len(elsewhere.tickets)) == (PARTS, 0)


def test_a_location_that_accepts_and_says_nothing_is_passed_over(many):
    with socket.create_server(("127.0.0.1", 0)) as silent, connect(many.uri, timeout=2) as client:
        many.locations = [f"grpc://127.0.0.1:{silent.getsockname()[1]}"]
        started = time.monotonic()
        assert same(client.dataset("r", "t").to_table(), ROWS)
        assert client.dataset("r", "t").count_rows(filter=pc.field("id") > 2) == 9
        assert time.monotonic() - started >= 2  # the first call waited for the silent server


@pytest.mark.parametrize("streams", [1, 2])
@pytest.mark.parametrize("away", [NOWHERE, "https://127.0.0.1/rows.parquet", "nonsense://x"])
def test_a_location_that_does_not_answer_is_passed_over(near, many, elsewhere, away, streams):
    many.locations = [away, elsewhere.uri]
    assert same(near.dataset("r", "t", streams=streams).to_table(), ROWS)
    assert (len(many.tickets), len(elsewhere.tickets)) == (0, PARTS)


def test_the_origin_is_the_last_resort(near, many):
    many.locations = [NOWHERE]
    assert same(near.dataset("r", "t").to_table(), ROWS)
    assert len(many.tickets) == PARTS


def test_a_refusal_is_not_asked_again_elsewhere(near, many, elsewhere):
    many.locations = [elsewhere.uri, REUSE]
    del elsewhere.tables["r", "t"]
    with pytest.raises(FlightClientError) as raised:
        near.dataset("r", "t").to_table()
    assert raised.value.code == "unknown_dataset"
    assert many.tickets == []


def test_a_server_that_goes_away_between_reads_is_passed_over(near, many, elsewhere):
    many.locations = [elsewhere.uri]
    dataset = near.dataset("r", "t")
    assert dataset.to_table().num_rows == 12
    elsewhere.shutdown()
    assert same(dataset.to_table(), ROWS)


def test_a_busy_server_is_asked_again(near, refusing):
    refusing.refusals = 2
    assert same(near.read("r", "t").read_all(), ROWS)
    assert len(refusing.tickets) == 3


@pytest.mark.usefixtures("refusing")
def test_a_server_that_stays_busy_says_when_to_come_again(near, many):
    many.refusals = 1_000_000
    with pytest.raises(ServerBusyError, match="no room") as raised:
        near.read("r", "t").read_all()
    assert (raised.value.code, raised.value.retry_after) == ("busy", RETRY_AFTER)
    assert len(many.tickets) == 1 + BUSY_WAITS


@pytest.mark.usefixtures("refusing")
def test_a_wait_that_is_longer_than_the_deadline_is_not_begun(many, monkeypatch):
    monkeypatch.setattr("wire_server.RETRY_AFTER", 600.0)
    many.refusals = 1
    with connect(many.uri, timeout=300) as client, pytest.raises(ServerBusyError):
        client.read("r", "t").read_all()
    assert len(many.tickets) == 1


def test_a_lookup_of_a_busy_server_is_not_repeated(near, many):
    many.refusals = 1
    with pytest.raises(ServerBusyError):
        near.lookup("r", "t", key="id", values=[1]).read_all()


@pytest.mark.usefixtures("refusing")
def test_a_busy_server_is_passed_over_for_as_long_as_it_asks(near, many, elsewhere, monkeypatch):
    monkeypatch.setattr("wire_server.RETRY_AFTER", 600.0)
    many.locations, elsewhere.refusals = [elsewhere.uri, REUSE], 1
    assert same(near.dataset("r", "t", streams=1).to_table(), ROWS)
    assert (len(many.tickets), len(elsewhere.tickets)) == (PARTS, 1)


@pytest.mark.usefixtures("refusing")
def test_a_busy_server_is_not_taken_for_dead(near, many, elsewhere, monkeypatch):
    monkeypatch.setattr("wire_server.RETRY_AFTER", 0.0)
    many.locations, elsewhere.refusals = [elsewhere.uri, REUSE], 1
    assert same(near.dataset("r", "t", streams=1).to_table(), ROWS)
    assert len(many.tickets) + len(elsewhere.tickets) == 1 + PARTS
    assert len(elsewhere.tickets) >= PARTS


@pytest.mark.usefixtures("refusing")
def test_a_busy_server_counts_more_than_one_that_is_away(near, many):
    many.locations, many.refusals = [NOWHERE], 1
    assert same(near.dataset("r", "t", streams=1).to_table(), ROWS)
    assert len(many.tickets) == 1 + PARTS


@pytest.mark.usefixtures("refusing")
def test_closing_ends_the_wait_for_a_busy_server(near, many, monkeypatch):
    monkeypatch.setattr("wire_server.RETRY_AFTER", 600.0)
    many.refusals = 1
    reader = near.read("r", "t", streams=2)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(reader.read_all)
        while not many.tickets:
            time.sleep(0.01)
        reader.close()
        with pytest.raises(StreamClosedError):
            waiting.result(60)


def test_no_server_left(many):
    with connect(many.uri) as client:
        dataset = client.dataset("r", "t")
        many.shutdown()
        with pytest.raises(UnreachableError):
            dataset.to_table()


def test_lookup_sends_keys_and_gives_rows(near, many):
    rows = near.lookup("r", "t", key="id", values=[3, 1, None, 99], columns=["id", "s"]).read_all()
    assert rows.to_pydict() == {"id": [1, 3], "s": ["a", "a%"]}
    assert many.tickets == [{"repo": "r", "dataset": "t", "columns": ["id", "s"], "key": "id"}]


def keys_of_every_form():
    return {
        "list": [1, 2],
        "generator": (number for number in (1, 2)),
        "array": pa.array([1, 2]),
        "chunked array": pa.chunked_array([[1], [2]]),
        "table": pa.table({"any": [1, 2]}),
        "reader": pa.table({"any": [1, 2]}).to_reader(),
        "many": pa.array(range(1, 300_000)),
    }


@pytest.mark.parametrize("form", keys_of_every_form())
def test_lookup_takes_keys_of_every_form(near, form):
    found = near.lookup("r", "u" if form == "" else "t", key="id", values=keys_of_every_form()[form]).read_all()
    assert found["id"].to_pylist()[:2] == [1, 2]


def test_lookup_takes_the_columns_of_data_frames(near):
    polars = pytest.importorskip("polars")
    frame = polars.DataFrame({"id": [1, 2]})
    for values in (frame, frame["id"], frame.lazy().collect()):
        assert near.lookup("r", "t", key="id", values=values).read_all()["id"].to_pylist() == [1, 2]


@pytest.mark.parametrize("values", [pa.table({"a": [1], "b": [2]}), [object()], 7])
def test_what_is_no_column_of_keys(near, values):
    with pytest.raises(FlightClientError) as raised:
        near.lookup("r", "t", key="id", values=values)
    assert raised.value.code == "invalid_keys"


def test_a_refused_lookup_keeps_its_code(near):
    with pytest.raises(FlightClientError) as raised:
        near.lookup("r", "t", key="refused", values=range(10))
    assert raised.value.code == "too_many_keys"


@pytest.mark.parametrize("dataset", ["endless", "stuck"])
def test_a_lookup_ends_at_the_server_when_the_reader_lets_go(near, many, dataset):
    reader = near.lookup("r", dataset, key="none", values=[1])
    reader.read_next_batch()
    reader.close()
    assert many.wait_until_idle()


def test_few_rows_of_one_server_are_one_call(near, many):
    assert same(near.dataset("r", "t").to_table(), ROWS)
    assert [len(many.tickets), many.tickets[0].get("parts")] == [1, None]
    assert same(near.dataset("r", "t", streams=2).to_table(), ROWS)
    assert len(many.tickets) == 1 + PARTS
