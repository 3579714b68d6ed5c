"""do_exchange with bare pyarrow: keys in, rows out, and what is refused."""

from contextlib import suppress

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from pyarrow import flight
from rpc_errors import assert_clean
from rpc_server import Peer, command, path

ASKED = {"repo": "seeded", "dataset": "cst_callsites", "key": "call_id"}
CALLS = pa.array([f"call:pkg/m{number}.py:{number % 20}" for number in range(40)])


def lookup(peer: Peer, keys: pa.Array, batch_rows: int = 7, **asked: object) -> pa.Table:
    return exchange(peer, command(**{**ASKED, **asked}), pa.table({"any name": keys}), batch_rows)


def exchange(peer: Peer, descriptor: flight.FlightDescriptor, keys: pa.Table, batch_rows: int = 7) -> pa.Table:
    writer, reader = peer.flight.do_exchange(descriptor)
    with writer:
        writer.begin(keys.schema)
        writer.write_table(keys, batch_rows)
        writer.done_writing()
        return reader.read_all()


def test_the_rows_of_the_keys_come_in_the_datasets_order(peer):
    everything = peer.get("seeded", "cst_callsites")
    wanted = everything.filter(pc.is_in(everything["call_id"], CALLS))
    assert wanted.num_rows == 40
    shuffled = CALLS.take(pa.array([(number * 7) % 40 for number in range(40)]))
    assert lookup(peer, shuffled).equals(wanted)


def test_keys_that_come_twice_or_not_at_all_change_nothing(peer):
    keys = pa.concat_arrays([CALLS, CALLS, pa.array(["call:nowhere:1", None])])
    assert lookup(peer, keys).equals(lookup(peer, CALLS))


def test_a_null_has_no_rows(peer):
    row_without_target = pa.array([None, None], pa.string())
    assert peer.get("seeded", "cst_callsites")["callee_text"].null_count > 0
    assert lookup(peer, row_without_target, key="callee_text").num_rows == 0


@pytest.mark.parametrize("empty", [pa.array([], pa.string()), pa.array([None, None])])
def test_no_keys_no_rows(peer, empty):
    assert lookup(peer, empty, columns=["path"]).schema.names == ["path"]
    assert lookup(peer, empty).num_rows == 0


def test_columns_where_and_limit_apply(peer):
    where = {"op": "<", "args": [{"property": "call_bstart"}, 10]}
    found = lookup(peer, CALLS, columns=["call_bstart", "path"], where=where, limit=15)
    assert found.schema.names == ["call_bstart", "path"]
    assert found.num_rows == 15
    assert max(found["call_bstart"].to_pylist()) < 10


@pytest.mark.parametrize(
    "kind", [pa.string(), pa.large_string(), pa.string_view(), pa.dictionary(pa.int8(), pa.string())]
)
def test_keys_may_be_any_sort_of_text(peer, kind):
    keys = pa.array(["pkg/m3.py", "pkg/m30.py"]).cast(kind)
    assert lookup(peer, keys, key="path").num_rows == 40


@pytest.mark.parametrize("kind", [pa.int8(), pa.uint64(), pa.int64()])
def test_keys_may_be_any_sort_of_integer(peer, kind):
    assert lookup(peer, pa.array([1, 2, 100], kind), key="call_bstart").num_rows == 80


def test_an_output_is_looked_up_like_a_raw_table(peer):
    found = lookup(peer, CALLS.slice(0, 4), dataset="callsite_qname_candidates")
    everything = peer.get("seeded", "callsite_qname_candidates")
    assert found.equals(everything.filter(pc.is_in(everything["call_id"], CALLS.slice(0, 4))))
    assert found.num_rows > 0


@pytest.mark.parametrize(
    ("keys", "asked", "code"),
    [
        (pa.array([1]), {}, "schema_mismatch"),
        (pa.array(["1"]), {"key": "call_bstart"}, "schema_mismatch"),
        (pa.array([2.5]), {"key": "call_bstart"}, "schema_mismatch"),
        (pa.array([2**64 - 1], pa.uint64()), {"key": "call_bstart"}, "schema_mismatch"),
        (pa.array([["x"]]), {"key": "callee_qnames"}, "schema_mismatch"),
        (CALLS, {"key": "nothing"}, "unknown_column"),
        (CALLS, {"key": 7}, "bad_request"),
        (CALLS, {"key": None}, "bad_request"),
        (CALLS, {"dataset": "nothing"}, "unknown_dataset"),
        (CALLS, {"colour": 1}, "bad_request"),
    ],
)
def test_a_lookup_that_does_not_fit_is_refused(unharmed, keys, asked, code):
    with pytest.raises((flight.FlightError, pa.ArrowException)) as raised:
        lookup(unharmed, keys, **asked)
    assert_clean(raised.value, code)


def test_a_path_is_no_lookup_and_two_columns_are_no_key(unharmed):
    for descriptor in (path("seeded", "cst_callsites"), command(**ASKED)):
        with pytest.raises(flight.FlightError) as raised:
            exchange(unharmed, descriptor, pa.table({"a": CALLS, "b": CALLS}))
        assert_clean(raised.value, "bad_request")


def test_an_exchange_without_keys_is_refused(unharmed):
    writer, reader = unharmed.flight.do_exchange(command(**ASKED))
    writer.done_writing()
    with pytest.raises((flight.FlightError, pa.ArrowException)) as raised:
        reader.read_all()
    assert_clean(raised.value, "bad_stream")
    with suppress(flight.FlightError):
        writer.close()


def test_too_many_keys_are_refused_while_they_are_sent(unharmed):
    long = pa.array([f"{number:01000}" for number in range(1_000)])
    writer, _ = unharmed.flight.do_exchange(command(**ASKED))
    writer.begin(pa.schema([("key", pa.string())]))
    with suppress(pa.ArrowException, flight.FlightError):  # a write fails at some time, without a reason
        for number in range(200):  # 1 MB each, all distinct
            writer.write_batch(pa.record_batch([pc.binary_join_element_wise(long, str(number), "")], names=["key"]))
    with pytest.raises(flight.FlightError) as raised:
        writer.close()
    assert_clean(raised.value, "too_many_keys")
