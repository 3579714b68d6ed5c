"""The limits of a server: streams, their queue, their memory and their time."""

import json
import threading
import time
from contextlib import contextmanager

import pytest
from pyarrow import flight
from rpc_server import PIPELINE, Peer, code_of, command, name_refs, running, sample, ticket

from flight_client.contracts.raw import RAW_TABLES
from flight_server.rpc.server import FlightServer
from flight_server.serving.limits import Limits
from flight_server.serving.service import Capacity, Service
from flight_server.storage.store import Store

ROWS = 400_000
DATASET = "cst_name_refs"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A store with a table that is far larger than what gRPC buffers."""
    folder = tmp_path_factory.mktemp("limits")
    with running(folder) as server:
        peer = Peer(server.uri)
        peer.put_table("r", DATASET, name_refs(("m.py", start) for start in range(ROWS)))
        peer.close()
    return folder


@contextmanager
def limited(folder, **limits):
    server = FlightServer(Service(Store(folder), PIPELINE, Capacity(Limits(**limits))))
    peers = [Peer(server.uri) for _ in range(4)]
    try:
        yield peers
    finally:
        for peer in peers:
            peer.close()
        server.stop()


def opened(peer, **keys):
    stream = peer.open("r", DATASET, **keys)
    stream.read_chunk()
    return stream


def wait_until_idle(peer):
    deadline = time.monotonic() + 30
    while peer.act("stats")["running_calls"]:
        assert time.monotonic() < deadline
        time.sleep(0.01)


def refused(peer):
    with pytest.raises(flight.FlightUnavailableError) as caught:
        opened(peer)
    assert code_of(caught.value) == "busy"
    return json.loads(caught.value.extra_info)


def test_a_stream_too_many_waits_and_is_refused_with_a_hint_when_to_come_again(folder):
    with limited(folder, streams=1, wait_seconds=0.2) as (first, second, *_):
        held = opened(first)
        assert refused(second)["retry_after"] == 0.2
        held.cancel()


def test_a_stream_that_waits_runs_when_another_ends(folder):
    with limited(folder, streams=1, wait_seconds=60) as (first, second, *_):
        held = opened(first)
        rows = []
        waiting = threading.Thread(target=lambda: rows.append(second.get("r", DATASET).num_rows))
        waiting.start()
        time.sleep(0.2)
        assert rows == []
        held.cancel()
        waiting.join(60)
        assert rows == [ROWS]


def test_the_line_is_bounded(folder):
    with limited(folder, streams=1, waiting=1, wait_seconds=60) as (first, second, third, asker):
        held = opened(first)
        waiting = threading.Thread(target=lambda: second.get("r", DATASET))
        waiting.start()
        deadline = time.monotonic() + 30
        while asker.act("stats")["running_calls"] < 2 and time.monotonic() < deadline:
            time.sleep(0.01)
        time.sleep(0.1)
        assert "wait already" in refused(third)["message"]
        held.cancel()
        waiting.join(60)


def test_a_client_that_goes_away_leaves_the_line(folder):
    with limited(folder, streams=1, wait_seconds=60) as (first, second, third, asker):
        held = opened(first)
        with pytest.raises(flight.FlightTimedOutError):
            second.flight.do_get(ticket(repo="r", dataset=DATASET), flight.FlightCallOptions(timeout=0.2)).read_all()
        held.cancel()
        assert third.get("r", DATASET).num_rows == ROWS
        wait_until_idle(asker)


def test_streams_are_let_in_while_the_memory_lasts_and_a_large_one_alone(folder):
    with limited(folder, memory=1, wait_seconds=0.2) as (first, second, *_):
        held = opened(first)
        refused(second)
        held.cancel()
        wait_until_idle(second)
        assert second.get("r", DATASET).num_rows == ROWS


def read_slowly(peer):
    """Read a stream later than it may run; on a busy machine its time is up before the first batch."""
    stream = opened(peer)
    time.sleep(0.5)
    stream.read_all()


def test_a_stream_that_runs_too_long_is_ended(folder):
    with limited(folder, query_seconds=0.3) as (first, *_):
        with pytest.raises(flight.FlightTimedOutError) as caught:
            read_slowly(first)
        assert code_of(caught.value) == "timed_out"


def test_a_client_that_reads_nothing_is_disconnected_and_its_place_is_free(folder):
    with limited(folder, streams=1, wait_seconds=60, idle_seconds=0.5) as (first, second, *_):
        held = opened(first)
        assert second.get("r", DATASET).num_rows == ROWS
        with pytest.raises(flight.FlightUnavailableError):
            held.read_all()
        assert first.get("r", DATASET).num_rows == ROWS  # it may come again


def open_put(peer, data, **keys):
    writer, _ = peer.flight.do_put(command(repo="puts", table=DATASET, **keys), data.schema)
    writer.write_table(data)
    return writer


def test_a_client_that_writes_nothing_is_disconnected_and_its_put_counts_for_nothing(folder):
    data = name_refs([("a.py", 1)])
    with limited(folder, idle_seconds=0.5) as (first, second, *_):
        writer = open_put(first, data)
        wait_until_idle(second)
        with pytest.raises(flight.FlightError):
            writer.close()
        assert "puts" not in second.act("stats")["repos"]


def test_puts_of_too_many_transactions_are_refused_but_one_never_waits_for_itself(folder):
    data = name_refs([("a.py", 1)])
    with limited(folder, puts=1, wait_seconds=0.2) as (first, second, *_):
        txn = first.act("begin", {"repo": "puts"})["txn"]
        held = open_put(first, data, txn=txn)
        deadline = time.monotonic() + 30
        while not second.act("stats")["running_calls"] and time.monotonic() < deadline:
            time.sleep(0.01)
        first.put_table("puts", "cst_defs", sample(RAW_TABLES["cst_defs"].schema), txn=txn)
        with pytest.raises(flight.FlightUnavailableError) as caught:
            second.put_table("other", DATASET, data)
        assert code_of(caught.value) == "busy"
        held.close()
        assert first.act("commit", {"txn": txn, "rows": {DATASET: 1, "cst_defs": 1}})["snapshot"] == 1
        assert second.put_table("other", DATASET, data)["snapshot"] == 1


def test_a_server_stops_though_a_client_neither_reads_nor_goes_away(folder):
    server = FlightServer(Service(Store(folder), PIPELINE))
    peer = Peer(server.uri)
    held = opened(peer)
    assert server.stop()
    with pytest.raises(flight.FlightError):
        held.read_all()
    peer.close()
