"""The project's own client writing to the real server: a put that breaks off keeps nothing."""

import pyarrow as pa
import pytest
from serving_store import service_over

from flight_client import FlightClientError, connect
from flight_client.contracts.raw import RAW_TABLES
from flight_server.rpc.server import FlightServer

SCHEMA = RAW_TABLES["cst_exports"].schema


def exports(*names):
    rows = [{"file_id": "f", "path": "a.py", "name": name} for name in names]
    return pa.Table.from_pylist(rows, schema=SCHEMA)


@pytest.fixture
def client(tmp_path):
    server = FlightServer(service_over(tmp_path))
    with connect(server.uri) as connected:
        connected.put("r", "cst_exports", exports("old"))
        yield connected
    server.stop()


def names_of(client):
    return client.read("r", "cst_exports").read_all()["name"].to_pylist()


def test_an_exception_while_rows_are_made_keeps_the_old_ones(client, tmp_path):
    def batches():
        yield from exports("new").to_batches()
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        client.put("r", "cst_exports", pa.RecordBatchReader.from_batches(SCHEMA, batches()))
    assert names_of(client) == ["old"]
    assert list((tmp_path / "repos" / "r" / "staging").glob("*")) == []


def test_an_exception_between_writes_keeps_the_old_ones(client):
    txn = client.begin("r")["txn"]
    stream = client.open_put("r", "cst_exports", SCHEMA, txn=txn)
    stream.write(exports("new").to_batches()[0])
    stream.abandon()
    client.abort(txn)
    assert names_of(client) == ["old"]


def test_what_the_server_refuses_is_raised_with_its_code(client):
    cases = {
        "unknown_dataset": ("r", "nope", exports("x")),
        "schema_mismatch": ("r", "cst_exports", exports("x").drop_columns(["path"])),
        "invalid_name": ("../r", "cst_exports", exports("x")),
    }
    for code, arguments in cases.items():
        with pytest.raises(FlightClientError) as caught:
            client.put(*arguments)
        assert caught.value.code == code
    assert names_of(client) == ["old"]


def test_a_repo_that_was_never_put_is_told_apart_from_an_empty_one(client):
    client.put("r", "cst_exports", exports())
    assert names_of(client) == []
    with pytest.raises(FlightClientError) as caught:
        client.read("nope", "cst_exports")
    assert caught.value.code == "unknown_repo"
