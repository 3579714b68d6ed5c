"""Streams that end early: closed by the reader, past their deadline, cancelled by an action; and many at once."""

import json
import threading
import time
from itertools import cycle, islice

import pyarrow as pa
import pytest
from pyarrow import flight
from rpc_server import PARTS_4, PIPELINE, Peer, callsites, command, name_refs, path, ticket

ROWS = 400_000


@pytest.fixture(scope="module")
def large(server):
    """A repo whose streams are far larger than what gRPC buffers, and its number of parts."""
    peer = Peer(server.uri)
    txn = peer.act("begin", {"repo": "large", "files": PARTS_4})["txn"]
    peer.put_table("large", "cst_name_refs", name_refs((f"m{n % 64}.py", n) for n in range(ROWS)), txn=txn)
    calls = callsites((f"m{n % 16}.py", n, [(f"pkg.f{n % 999}", "LOCAL")]) for n in range(12_000))
    peer.put_table("large", "cst_callsites", calls, txn=txn)
    peer.act("commit", {"txn": txn})
    peer.close()
    return "large"


def running_calls(peer, *, wanted=0, seconds=30.0):
    deadline = time.monotonic() + seconds
    while (running := peer.act("stats")["running_calls"]) != wanted and time.monotonic() < deadline:
        time.sleep(0.01)
    return running


def opened(peer, repo, **keys):
    stream = peer.open(repo, "cst_name_refs", **keys)
    stream.read_chunk()
    return stream


def test_a_stream_that_its_reader_cancels_is_freed(peer, large):
    stream = opened(peer, large)
    assert running_calls(peer, wanted=1) == 1
    stream.cancel()
    assert running_calls(peer) == 0


def test_a_stream_whose_client_goes_away_is_freed(server, peer, large):
    other = Peer(server.uri)
    stream = opened(other, large)
    assert running_calls(peer, wanted=1) == 1
    del stream
    other.close()
    assert running_calls(peer) == 0


def test_a_stream_that_is_read_to_its_end_is_freed(peer, large):
    assert peer.get(large, "cst_name_refs").num_rows == ROWS
    assert running_calls(peer) == 0


def read_slowly(peer, repo, seconds):
    """Read a stream later than it may run; on a busy machine its time is up before the first batch."""
    options = flight.FlightCallOptions(timeout=seconds)
    stream = peer.flight.do_get(ticket(repo=repo, dataset="cst_name_refs"), options)
    stream.read_chunk()
    time.sleep(2 * seconds)
    stream.read_all()


def test_a_deadline_ends_a_stream(peer, large):
    with pytest.raises(flight.FlightTimedOutError):
        read_slowly(peer, large, seconds=0.3)
    assert running_calls(peer) == 0


def cancel_by_json(peer, repo, _info):
    asked = {"repo": repo, "dataset": "cst_name_refs", "limit": ROWS}
    return peer.act("CancelFlightInfo", asked) == {"cancelled": 1}


def cancel_by_protobuf(peer, _repo, info):
    return cancel_info(peer, info) == b"\x08\x01"


def cancel_info(peer, info):
    """The request of Flight's own clients: a CancelFlightInfoRequest, whose field 1 is the FlightInfo."""
    message = info.serialize()
    length, rest = [], len(message)
    while rest > 0x7F:
        length.append(rest & 0x7F | 0x80)
        rest >>= 7
    body = bytes([0x0A, *length, rest]) + message
    [result] = peer.flight.do_action(flight.Action("CancelFlightInfo", body))
    return result.body.to_pybytes()


@pytest.mark.parametrize("cancel", [cancel_by_json, cancel_by_protobuf])
def test_cancel_flight_info_ends_the_streams_of_its_tickets(peer, large, cancel):
    info = peer.flight.get_flight_info(command(repo=large, dataset="cst_name_refs", limit=ROWS))
    cancelled = peer.flight.do_get(info.endpoints[0].ticket)
    other = opened(peer, large)
    cancelled.read_chunk()
    assert cancel(peer, large, info)
    with pytest.raises((flight.FlightCancelledError, KeyboardInterrupt)) as caught:
        cancelled.read_all()
    if isinstance(caught.value, flight.FlightCancelledError):
        assert json.loads(caught.value.extra_info)["code"] == "cancelled"
    assert running_calls(peer, wanted=1) == 1
    other.cancel()
    assert running_calls(peer) == 0


@pytest.mark.parametrize("cancel", [cancel_by_json, cancel_by_protobuf])
def test_two_clients_with_the_same_ticket_are_independent(server, peer, large, cancel):
    info = peer.flight.get_flight_info(command(repo=large, dataset="cst_name_refs", limit=ROWS))
    other = Peer(server.uri)
    mine, theirs = (each.flight.do_get(info.endpoints[0].ticket) for each in (peer, other))
    mine.read_chunk()
    theirs.read_chunk()
    assert cancel(peer, large, info)
    with pytest.raises((flight.FlightCancelledError, KeyboardInterrupt)):
        mine.read_all()
    assert running_calls(peer, wanted=1) == 1
    theirs.read_all()
    assert running_calls(peer) == 0
    other.close()


def test_cancelling_what_does_not_run_cancels_nothing(peer, large):
    assert running_calls(peer) == 0
    assert peer.act("CancelFlightInfo", {"repo": large, "dataset": "cst_name_refs"}) == {"cancelled": 0}
    assert cancel_info(peer, peer.flight.get_flight_info(path(large, "cst_name_refs"))) == b"\x08\x03"


def test_many_streams_of_every_output_at_once(server):
    """More than Arrow has threads for reading: plans that fed each other through these would wait for ever.

    A column is left out, so that the plans run: rows that are complete are read from what was kept of them.
    """
    narrowed = {
        name: output.spec.schema.names[1:]
        for name, output in PIPELINE.items()
        if output.tags["kind"] == "output" and name != "violations"
    }
    wanted = {name: Peer(server.uri).get("seeded", name, columns=columns) for name, columns in narrowed.items()}
    wrong: list[str] = []

    def read(name):
        peer = Peer(server.uri)
        try:
            stream = peer.open("seeded", name, columns=narrowed[name])
            barrier.wait()
            if not stream.read_all().equals(wanted[name]):
                wrong.append(name)
        finally:
            peer.close()

    names = list(islice(cycle(narrowed), 12 * pa.io_thread_count()))
    barrier = threading.Barrier(len(names), timeout=60)
    threads = [threading.Thread(target=read, args=(name,), daemon=True) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not any(thread.is_alive() for thread in threads)
    assert wrong == []
