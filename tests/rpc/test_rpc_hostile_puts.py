"""Bad puts: each a clear error with a stable code; what was there before stays, and the server goes on."""

import signal
import subprocess
import sys
import time
from io import BytesIO

import pyarrow as pa
import pytest
from pyarrow import csv, flight
from rpc_errors import assert_clean
from rpc_server import command, name_refs, path, sample

from flight_client.contracts.raw import RAW_TABLES

ONE = name_refs([("evil.py", 1)])
BAD_PUTS = {
    "unknown table": (path("seeded", "nope"), ONE, "unknown_dataset"),
    "an output": (path("seeded", "dim_qualified_names"), ONE, "unknown_dataset"),
    "traversal in the repo": (path("../seeded", "cst_name_refs"), ONE, "invalid_name"),
    "NUL in the repo": (path("see\0ded", "cst_name_refs"), ONE, "invalid_name"),
    "traversal in the table": (path("seeded", "../cst_name_refs"), ONE, "unknown_dataset"),
    "short path": (path("seeded"), ONE, "bad_request"),
    "no JSON": (flight.FlightDescriptor.for_command(b"x"), ONE, "bad_request"),
    "unknown key": (command(repo="seeded", table="cst_name_refs", dataset="x"), ONE, "bad_request"),
    "no table": (command(repo="seeded"), ONE, "bad_request"),
    "unknown mode": (command(repo="seeded", table="cst_name_refs", mode="merge"), ONE, "bad_request"),
    "removed no list": (command(repo="seeded", table="cst_name_refs", mode="append", removed="a"), ONE, "bad_request"),
    "unknown txn": (command(repo="seeded", table="cst_name_refs", txn="x"), ONE, "unknown_transaction"),
    "missing required column": (path("seeded", "cst_name_refs"), ONE.drop_columns(["name_ref_id"]), "schema_mismatch"),
    "no columns": (path("seeded", "cst_name_refs"), pa.table({}), "schema_mismatch"),
    "uncastable type": (
        path("seeded", "cst_name_refs"),
        ONE.set_column(ONE.schema.get_field_index("bstart"), "bstart", pa.array([[1]])),
        "schema_mismatch",
    ),
    "text that is no number": (
        path("seeded", "cst_name_refs"),
        ONE.set_column(ONE.schema.get_field_index("bstart"), "bstart", pa.array(["one"])),
        "schema_mismatch",
    ),
    "a number too large": (
        path("seeded", "cst_name_refs"),
        ONE.set_column(ONE.schema.get_field_index("bstart"), "bstart", pa.array([2**64 - 1], pa.uint64())),
        "schema_mismatch",
    ),
    "null in a required column": (
        path("seeded", "cst_name_refs"),
        ONE.set_column(ONE.schema.get_field_index("path"), "path", pa.array([None], pa.string())),
        "null_in_required_column",
    ),
    "fewer rows than said": (command(repo="seeded", table="cst_name_refs", rows=2), ONE, "row_count_mismatch"),
    "rows no number": (command(repo="seeded", table="cst_name_refs", rows="1"), ONE, "bad_request"),
    "a column name that is no UTF-8": (
        path("seeded", "cst_name_refs"),
        csv.read_csv(BytesIO(b"path,\xff\na,b\n")),
        "malformed_data",
    ),
    "column twice": (
        path("seeded", "cst_name_refs"),
        pa.Table.from_arrays([*ONE.columns, ONE["path"]], names=[*ONE.schema.names, "path"]),
        "schema_mismatch",
    ),
}


@pytest.mark.parametrize("case", BAD_PUTS)
def test_a_bad_put_has_a_code_and_changes_nothing(unharmed, case):
    descriptor, data, code = BAD_PUTS[case]
    with pytest.raises((flight.FlightServerError, flight.FlightInternalError)) as caught:
        unharmed.put(descriptor, data)
    assert_clean(caught.value, code)


def test_a_null_in_a_late_batch_undoes_the_whole_put(unharmed):
    good = name_refs(("evil.py", n) for n in range(200_000)).to_batches(max_chunksize=20_000)
    index = ONE.schema.get_field_index("path")
    nullable = pa.schema([field.with_nullable(nullable=True) for field in ONE.schema])
    bad = ONE.cast(nullable).set_column(index, "path", pa.array([None], pa.string())).to_batches()
    data = pa.Table.from_batches(
        [pa.RecordBatch.from_arrays(batch.columns, schema=nullable) for batch in (*good, *bad)]
    )
    with pytest.raises(flight.FlightServerError) as caught:
        unharmed.put(path("seeded", "cst_name_refs"), data, batch_rows=20_000)
    assert_clean(caught.value, "null_in_required_column")


def test_text_that_is_not_utf_8_is_malformed_data(unharmed):
    offsets = pa.py_buffer(b"\x00\x00\x00\x00\x01\x00\x00\x00")
    broken = pa.Array.from_buffers(pa.string(), 1, [None, offsets, pa.py_buffer(b"\xff")])
    data = ONE.set_column(ONE.schema.get_field_index("name"), "name", broken)
    with pytest.raises(flight.FlightServerError) as caught:
        unharmed.put(path("seeded", "cst_name_refs"), data)
    assert_clean(caught.value, "malformed_data")


def test_an_exception_inside_with_writer_keeps_nothing_of_a_transaction(unharmed):
    txn = unharmed.act("begin", {"repo": "seeded"})["txn"]
    writer, _ = unharmed.flight.do_put(command(repo="seeded", table="cst_name_refs", txn=txn), ONE.schema)

    def fail_half_way():
        with writer:
            writer.write_table(ONE)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail_half_way()
    with pytest.raises(flight.FlightServerError) as caught:
        unharmed.act("commit", {"txn": txn, "rows": {"cst_name_refs": 10}})
    assert_clean(caught.value, "row_count_mismatch")
    unharmed.act("abort", {"txn": txn})


KILLED = """
import sys
import pyarrow as pa
from pyarrow import flight
schema = pa.schema([(name, pa.string()) for name in ("file_id", "path", "name_ref_id")])
rows = pa.record_batch([["f"] * 1000, ["evil.py"] * 1000, ["r"] * 1000], schema=schema)
writer, _ = flight.connect(sys.argv[1]).do_put(flight.FlightDescriptor.for_path("seeded", "cst_name_refs"), schema)
for number in range(10_000_000):
    writer.write_batch(rows)
    if number == 50:
        print("half way", flush=True)
"""


def test_a_put_whose_client_is_killed_keeps_nothing(unharmed, server):
    with subprocess.Popen([sys.executable, "-c", KILLED, server.uri], stdout=subprocess.PIPE) as client:
        assert client.stdout.readline() == b"half way\n"
        client.send_signal(signal.SIGKILL)
    deadline = time.monotonic() + 30
    while unharmed.act("stats")["running_calls"] and time.monotonic() < deadline:
        time.sleep(0.02)
    assert unharmed.act("stats")["running_calls"] == 0


def test_a_table_that_lacks_only_nullable_columns_is_no_error(peer, repo):
    required = sample(RAW_TABLES["cst_defs"].schema).select(["file_id", "path", "def_id"])
    peer.put(path(repo, "cst_defs"), required)
    [row] = peer.get(repo, "cst_defs").to_pylist()
    assert {name for name, value in row.items() if value is not None} == {"file_id", "path", "def_id"}
