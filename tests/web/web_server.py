"""A real server with a Flight and an HTTP port over a store with the repo ``seeded``."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pyarrow as pa

from flight_client import Client, connect
from flight_client.contracts.raw import RAW_TABLES
from flight_server.pipeline.driver import load_pipeline
from flight_server.rpc.server import FlightServer
from flight_server.serving.limits import Limits
from flight_server.serving.service import Capacity, Service
from flight_server.storage.store import Store
from flight_server.web import serve_http

PIPELINE = load_pipeline()
ROWS = 600_000
PATHS = 40


@dataclass(frozen=True)
class WebServer:
    service: Service
    flight: FlightServer
    http: httpx.Client
    client: Client

    def rows(self, path: str, **parameters: object) -> list[dict[str, object]]:
        answer = self.http.get(path, params=parameters)
        assert answer.status_code == 200, answer.text
        return [json.loads(line) for line in answer.text.splitlines()]


@contextmanager
def running_web(store: Path, limits: Limits | None = None) -> Iterator[WebServer]:
    service = Service(Store(store), PIPELINE, Capacity(limits or Limits()))
    server = FlightServer(service)
    port = serve_http(service, "127.0.0.1", 0)
    try:
        with connect(server.uri) as client, httpx.Client(base_url=port.uri, timeout=60) as http:
            client.put("seeded", "cst_name_refs", name_refs(ROWS))
            yield WebServer(service, server, http, client)
    finally:
        server.stop()
        port.stop()


def name_refs(rows: int) -> pa.Table:
    """Rows of cst_name_refs over PATHS files."""
    schema = RAW_TABLES["cst_name_refs"].schema
    numbers = range(rows)
    paths = [f"pkg/m{number * PATHS // rows:02}.py" for number in numbers]
    given = {
        "file_id": [f"file:{path}" for path in paths],
        "path": paths,
        "name_ref_id": [f"ref:{number}" for number in numbers],
        "name": [f"name{number % 97}" for number in numbers],
        "bstart": list(numbers),
    }
    columns = [
        pa.array(given[field.name], field.type) if field.name in given else pa.nulls(rows, field.type)
        for field in schema
    ]
    return pa.Table.from_arrays(columns, schema=schema)
