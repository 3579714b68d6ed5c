"""The fixture repo and slices of installed packages, extracted into a store and read without Flight."""

import shutil
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import pyarrow as pa

from flight_client import connect
from flight_client.extract import LAYERS
from flight_client.ingest import ingest
from flight_server.pipeline.driver import load_pipeline
from flight_server.rpc.server import FlightServer
from flight_server.serving.request import Request
from flight_server.serving.service import Service
from flight_server.serving.stream import open_read
from flight_server.storage.store import Store

FIXTURE = Path(__file__).parent / "graph_repo"
ALL_LAYERS = ("cst", "ast", "sym", "cfg", "flow", "bc", "ts")
PIPELINE = load_pipeline()


def served(folder: Path, source: Path, layers: Sequence[str] = LAYERS, repo: str = "repo") -> Service:
    """A service over a store into which the source was put."""
    service = Service(Store(folder), PIPELINE)
    server = FlightServer(service)
    try:
        with connect(server.uri) as client:
            ingest(client, source, repo=repo, jobs=1, layers=layers)
    finally:
        server.stop()
    return service


def package_slice(folder: Path, package: Path) -> Path:
    """A copy of a package's source, without its folders' tests."""
    target = folder / package.name
    shutil.copytree(package, target, ignore=shutil.ignore_patterns("tests", "__pycache__", "*.so"))
    return folder


def rows_of(service: Service, dataset: str, **narrowed: object) -> pa.Table:
    stream = open_read(service.read(Request("repo", dataset, **narrowed)), lambda: None)
    with closing(stream.batches) as batches:
        return plain_rows(pa.Table.from_batches(batches, stream.schema))


def plain_rows(table: pa.Table) -> pa.Table:
    """The table with values in place of dictionaries."""
    for place, column in enumerate(table.schema):
        if pa.types.is_dictionary(column.type):
            table = table.set_column(place, column.name, table.column(place).cast(pa.string()))
    return table
