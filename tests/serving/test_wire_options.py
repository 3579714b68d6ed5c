"""What a reader may choose on the wire, with a real server: other servers, compression, and dictionaries by engine."""

import json

import duckdb
import polars as pl
import pyarrow as pa
import pytest
from pyarrow import flight
from serving_store import DEMO, ingested, service_over

from flight_client import connect
from flight_client.contracts.raw import RAW_TABLES
from flight_server.rpc.info import ENDPOINTS
from flight_server.rpc.locations import LocationError
from flight_server.rpc.server import FlightServer

REUSE = b"arrow-flight-reuse-connection://?"
FILES_FOR_16_PARTS = 16 * 64
PATHS = [f"m{number}.py" for number in range(200)]  # every part has some


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    folder = tmp_path_factory.mktemp("store")
    service = service_over(folder)
    service.store.begin("demo", files=FILES_FOR_16_PARTS).commit({})
    ingested(service, DEMO)
    many = service.store.begin("many", files=FILES_FOR_16_PARTS)
    rows = [{"path": path, "file_id": path, "def_id": path} for path in PATHS]
    many.put(RAW_TABLES["cst_defs"], pa.Table.from_pylist(rows, RAW_TABLES["cst_defs"].schema))
    many.commit({"cst_defs": len(PATHS)})
    return folder


@pytest.fixture
def other(store):
    server = FlightServer(service_over(store))
    yield server
    server.stop()


@pytest.fixture
def server(store, other):
    serving = FlightServer(service_over(store), advertised=[other.uri])
    yield serving
    serving.stop()


@pytest.fixture
def client(server):
    with connect(server.uri) as connected:
        yield connected


def test_endpoints_are_spread_over_the_servers_and_each_names_all(server, other):
    with flight.connect(server.uri) as bare:
        info = bare.get_flight_info(flight.FlightDescriptor.for_path("demo", "cst_name_refs"))
        listed = list(bare.list_flights(b'{"repo": "demo"}'))
    names = [[location.uri for location in endpoint.locations] for endpoint in info.endpoints]
    assert len(names) > 3
    assert {tuple(each) for each in names} == {(REUSE, other.uri.encode()), (other.uri.encode(), REUSE)}
    assert [first for first, _ in names] == ([REUSE, other.uri.encode()] * len(names))[: len(names)]
    assert all(endpoint.locations for each in listed for endpoint in each.endpoints)


def test_many_parts_share_endpoints_in_their_order(server, other):
    for uri, most in ((other.uri, ENDPOINTS), (server.uri, 2 * ENDPOINTS)):
        with flight.connect(uri) as bare:
            info = bare.get_flight_info(flight.FlightDescriptor.for_path("many", "cst_defs"))
        runs = [json.loads(endpoint.ticket.ticket)["parts"] for endpoint in info.endpoints]
        parts = [part for run in runs for part in run]
        assert parts == list(range(16))
        assert len(runs) == most


def test_a_server_by_itself_names_no_locations(other):
    with flight.connect(other.uri) as bare:
        info = bare.get_flight_info(flight.FlightDescriptor.for_path("demo", "cst_name_refs"))
    assert [endpoint.locations for endpoint in info.endpoints] == [[]] * len(info.endpoints)


def test_the_rows_are_the_same_with_and_without_the_other_server(client, other):
    dataset = client.dataset("demo", "cst_name_refs")
    alone = client.read("demo", "cst_name_refs").read_all()
    assert dataset.to_table().equals(alone)
    other.stop()
    assert dataset.to_table().equals(alone)


@pytest.mark.parametrize("uri", ["nonsense", "grpc://127.0.0.1", "http://127.0.0.1:80", "grpc://:80", "grpc://a:b"])
def test_an_address_that_readers_cannot_be_sent_to(store, uri):
    with pytest.raises(LocationError, match="is no location: SCHEME://HOST:PORT"):
        FlightServer(service_over(store), advertised=[uri])


@pytest.mark.parametrize("codec", ["lz4", "zstd"])
def test_compression_changes_no_row(client, codec):
    for dataset in ("cst_callsites", "cpg_nodes"):
        plain = client.read("demo", dataset).read_all()
        assert plain.num_rows > 0
        assert client.read("demo", dataset, compression=codec).read_all().equals(plain)
        assert client.dataset("demo", dataset, compression=codec).to_table().equals(plain)


@pytest.mark.parametrize("limit", [None, 50])
def test_dictionaries_are_the_same_for_every_engine(client, limit):
    plain = client.read("demo", "cpg_nodes", limit=limit).read_all()
    assert pa.types.is_dictionary(plain.schema.field("node_kind").type)
    assert plain["node_kind"].num_chunks > (limit is None)
    wanted = plain["node_kind"].to_pylist()
    relation = duckdb.from_arrow(client.read("demo", "cpg_nodes", limit=limit).to_arrow())
    assert [kind for (kind,) in relation.select("node_kind").fetchall()] == wanted
    frame = pl.DataFrame(client.read("demo", "cpg_nodes", limit=limit))
    assert frame["node_kind"].cast(pl.String).to_list() == wanted
    assert plain.unify_dictionaries()["node_kind"].to_pylist() == wanted
