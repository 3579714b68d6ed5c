"""The cases that every client must pass, in ``clients/conformance``: tables to put, requests, and what comes back."""

import json
from base64 import b64decode, b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa

from flight_client import Client, FlightClientError, connect
from flight_client.contracts.raw import RAW_TABLES
from flight_server.rpc.server import FlightServer

FOLDER = Path(__file__).parents[2] / "clients" / "conformance"
CASES = json.loads((FOLDER / "cases.json").read_text(encoding="utf-8"))
REPO, FILES_FOR_4_PARTS = "conformance", 4 * 64


@contextmanager
def serving_cases(service) -> Iterator[str]:
    """The URI of a server that has the tables of the cases."""
    server = FlightServer(service)
    try:
        with connect(server.uri) as client:
            put_tables(client)
        yield server.uri
    finally:
        server.stop()


def put_tables(client: Client) -> None:
    tables = json.loads((FOLDER / "tables.json").read_text(encoding="utf-8"))
    txn = client.begin(REPO, files=FILES_FOR_4_PARTS)["txn"]
    for name, rows in tables.items():
        schema = RAW_TABLES[name].schema
        typed = [{column: value_of(value, schema.field(column).type) for column, value in row.items()} for row in rows]
        client.put(REPO, name, pa.Table.from_pylist(typed, schema), txn=txn)
    client.commit(txn, {name: len(rows) for name, rows in tables.items()})


def answer(client: Client, case: dict) -> dict:
    """What the Python client gets, spelled as the cases spell it."""
    request = dict(case["request"])
    repo, dataset = request.pop("repo"), request.pop("dataset")
    try:
        if "lookup" in case:
            table = client.lookup(repo, dataset, **case["lookup"], **request).read_all()
        else:
            table = client.read(repo, dataset, **request).read_all()
    except FlightClientError as error:
        return {"error": error.code}
    columns = [[plain(value) for value in column.to_pylist()] for column in table.columns]
    return {
        "schema": [[column.name, type_name(column.type)] for column in table.schema],
        "rows": [list(row) for row in zip(*columns, strict=True)],
    }


def value_of(value: object, kind: pa.DataType) -> object:
    """A value as pyarrow takes it: bytes stand in the JSON as base64, maps as pairs."""
    if isinstance(value, str) and pa.types.is_binary(kind):
        return b64decode(value)
    if isinstance(value, list) and pa.types.is_map(kind):
        return [tuple(pair) for pair in value]
    return value


def type_name(kind: pa.DataType) -> str:
    if pa.types.is_dictionary(kind):
        return f"dictionary of {type_name(kind.value_type)}"
    if pa.types.is_map(kind):
        return f"map to {type_name(kind.item_type)}"
    if pa.types.is_list(kind):
        return f"list of {type_name(kind.value_type)}"
    if pa.types.is_struct(kind):
        return f"({', '.join(f'{field.name} {type_name(field.type)}' for field in kind)})"
    return str(kind)


def plain(value: object) -> object:
    match value:
        case bytes():
            return b64encode(value).decode()
        case list() | tuple():
            return [plain(each) for each in value]
        case dict():
            return {key: plain(each) for key, each in value.items()}
        case _:
            return value
