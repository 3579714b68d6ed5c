"""A real server on a free port, talked to with bare pyarrow; and small tables to put."""

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
from pyarrow import flight

from flight_client.contracts.raw import RAW_TABLES
from flight_server.pipeline.driver import load_pipeline
from flight_server.rpc.server import FlightServer
from flight_server.serving.service import Service
from flight_server.storage.store import Store

PIPELINE = load_pipeline()
PARTS_4 = 4 * 64  # files for which a repo gets 4 parts
_SAMPLES = (
    (pa.types.is_string, "é\n"),
    (pa.types.is_binary, b"\xff\0"),
    (pa.types.is_boolean, True),
    (pa.types.is_integer, 7),
    (pa.types.is_floating, 0.5),
    (pa.types.is_map, [("k", "v")]),
    (pa.types.is_struct, {"text": "t", "language": None}),
)


@contextmanager
def running(store: Path | str) -> Iterator[FlightServer]:
    server = FlightServer(Service(Store(store), PIPELINE))
    try:
        yield server
    finally:
        server.stop()


class Peer:
    """A client that knows nothing of this project: pyarrow's own, and JSON."""

    def __init__(self, uri: str) -> None:
        self.uri = uri
        self.flight = flight.connect(uri)

    def close(self) -> None:
        self.flight.close()

    def act(self, name: str, body: bytes | dict[str, object] | None = None) -> dict[str, object]:
        data = body if isinstance(body, bytes) else json.dumps(body or {}).encode()
        [result] = self.flight.do_action(flight.Action(name, data))
        return json.loads(result.body.to_pybytes())

    def open(self, repo: str, dataset: str, **keys: object) -> flight.FlightStreamReader:
        return self.flight.do_get(ticket(repo=repo, dataset=dataset, **keys))

    def get(self, repo: str, dataset: str, **keys: object) -> pa.Table:
        return self.open(repo, dataset, **keys).read_all()

    def put(
        self,
        descriptor: flight.FlightDescriptor,
        data: pa.Table,
        *,
        batch_rows: int | None = None,
    ):
        writer, replies = self.flight.do_put(descriptor, data.schema)
        try:
            writer.write_table(data, batch_rows or max(data.num_rows, 1))
            writer.write_metadata(json.dumps({"rows": data.num_rows}).encode())
            writer.done_writing()
            reply = replies.read()
        finally:
            writer.close()
        return json.loads(reply.to_pybytes())

    def put_table(self, repo: str, table: str, data: pa.Table, **keys: object):
        return self.put(command(repo=repo, table=table, **keys), data)


def path(*names: str) -> flight.FlightDescriptor:
    return flight.FlightDescriptor.for_path(*names)


def command(**keys: object) -> flight.FlightDescriptor:
    return flight.FlightDescriptor.for_command(json.dumps(keys))


def ticket(**keys: object) -> flight.Ticket:
    return flight.Ticket(json.dumps(keys))


def code_of(error: BaseException) -> str:
    return json.loads(error.extra_info)["code"]


def sample(schema: pa.Schema, path_value: str = "a.py") -> pa.Table:
    """One row with a value in every column."""
    row = {column.name: path_value if column.name == "path" else _value(column.type) for column in schema}
    return pa.Table.from_pylist([row], schema=schema)


def _value(kind: pa.DataType) -> object:
    if pa.types.is_list(kind):
        return [_value(kind.value_type)]
    if pa.types.is_struct(kind):
        return {field.name: _value(field.type) for field in kind}
    return next(value for matches, value in _SAMPLES if matches(kind))


def name_refs(rows: Iterable[tuple[str, int]]) -> pa.Table:
    """Rows of cst_name_refs: pairs of a path and a start offset."""
    return pa.Table.from_pylist(
        [
            {
                "file_id": f"file:{path}",
                "path": path,
                "name_ref_id": f"ref:{path}:{start}",
                "name": "x",
                "bstart": start,
            }
            for path, start in rows
        ],
        schema=RAW_TABLES["cst_name_refs"].schema,
    )


def starts(table: pa.Table) -> list[tuple[str, int]]:
    return list(zip(table.column("path").to_pylist(), table.column("bstart").to_pylist(), strict=True))


def callsites(calls: Iterable[tuple[str, int, list[tuple[str | None, str]]]]) -> pa.Table:
    """Rows of cst_callsites: path, start offset, candidate names with their sources."""
    return pa.Table.from_pylist(
        [
            {
                "file_id": f"file:{path}",
                "path": path,
                "call_id": f"call:{path}:{start}",
                "call_bstart": start,
                "call_bend": start + 3,
                "callee_qnames": [{"name": name, "source": source} for name, source in names],
            }
            for path, start, names in calls
        ],
        schema=RAW_TABLES["cst_callsites"].schema,
    )
