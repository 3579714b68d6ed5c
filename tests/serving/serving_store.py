"""A service over a store into which the demo repo was extracted, and its rows without a server."""

from contextlib import closing
from pathlib import Path

import pyarrow as pa

from flight_client import connect
from flight_client.ingest import Ingested, ingest
from flight_server.pipeline.driver import load_pipeline
from flight_server.rpc.server import FlightServer
from flight_server.serving.request import Request
from flight_server.serving.service import Service
from flight_server.serving.stream import open_read
from flight_server.storage.store import Store

DEMO = Path(__file__).parents[2] / "flight_server" / "demo_repo"
PIPELINE = load_pipeline()


def service_over(folder: Path) -> Service:
    return Service(Store(folder), PIPELINE)


def ingested(service: Service, root: Path, repo: str = "demo", jobs: int = 1) -> Ingested:
    server = FlightServer(service)
    try:
        with connect(server.uri) as client:
            return ingest(client, root, repo=repo, jobs=jobs)
    finally:
        server.stop()


def rows_of(service: Service, dataset: str, repo: str = "demo", **narrowed: object) -> pa.Table:
    stream = open_read(service.read(Request(repo, dataset, **narrowed)), lambda: None)
    with closing(stream.batches) as batches:
        return pa.Table.from_batches(batches, stream.schema)
