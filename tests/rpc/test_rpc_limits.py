"""The limits of a server: streams, their queue, their memory and their time."""

import json
import threading
import time
from contextlib import contextmanager

import pytest
from pyarrow import flight
from rpc_server import PIPELINE, Peer, code_of, name_refs, running, ticket

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
