"""The client against a server of the same wire: what is asked, what comes back, and how it fails."""

import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from pyarrow import flight
from wire_server import ROWS, same

from flight_client import FlightClientError, StreamClosedError, UnreachableError, connect


def code_of(call, *arguments, **options):
    with pytest.raises(FlightClientError) as raised:
        call(*arguments, **options)
    assert "gRPC" not in str(raised.value)
    assert "Detail" not in str(raised.value)
    return raised.value.code


def test_a_long_read_reports_its_progress(client):
    seen = []
    with client.read("r", "endless") as reader, pytest.raises(KeyboardInterrupt):
        reader.read_all(lambda rows: seen.append(rows) if len(seen) < 3 else signal.raise_signal(signal.SIGINT))
    assert seen == [65536, 131072, 196608]
    assert client.read("r", "t").read_all(seen.append).num_rows == seen[-1] == 12


def test_what_there_is(client):
    assert client.repos() == ["other", "r"]
    assert client.datasets("r") == ["t", "u"]
    info = client.info("r", "t")
    assert (info.rows, info.bytes, info.schema, info.metadata["snapshot"]) == (12, None, ROWS.schema, 7)
    assert [endpoint["parts"] for endpoint in info.endpoints] == [[0], [1], [2]]
    assert client.schema("r", "u").names == ["id", "s"]


def test_read_asks_for_no_more_than_was_said(client, server):
    with client.read("r", "t", columns=["id"], where={"op": ">", "args": [{"property": "i"}, 3]}, limit=2) as reader:
        assert reader.read_all().to_pydict() == {"id": [4, 5]}
    assert server.tickets == [
        {
            "repo": "r",
            "dataset": "t",
            "columns": ["id"],
            "where": {"op": ">", "args": [{"property": "i"}, 3]},
            "limit": 2,
        }
    ]


def test_read_passes_every_key_of_a_ticket(client, server):
    client.read("r", "t", order="canonical", snapshot=3, kinds=["K"], parts=[0, 1]).close()
    assert server.tickets == [
        {"repo": "r", "dataset": "t", "order": "canonical", "snapshot": 3, "kinds": ["K"], "parts": [0, 1]}
    ]


def test_a_misspelled_option_reaches_the_server_which_refuses_unknown_keys(client, server):
    client.read("r", "t", colums=["id"]).close()
    client.read("r", "t", colums=["id"], where=pc.field("i") > 3).read_all()
    assert [ticket["colums"] for ticket in server.tickets] == [["id"], ["id"]]


def test_read_with_an_expression_does_the_rest_at_the_reader(client, server):
    where = (pc.field("i") > 0) & (pc.field("i") + pc.field("id") < 12)
    table = client.read("r", "t", columns=["s"], where=where, limit=2).read_all()
    assert table.to_pydict() == {"s": ["a", "a_b"]}
    (asked,) = server.tickets
    assert asked["columns"] == ["id", "i", "s"]
    assert asked["where"] == {"op": ">", "args": [{"property": "i"}, 0]}
    assert "limit" not in asked


def test_read_with_an_expression_sends_the_limit_when_nothing_is_left(client, server):
    assert client.read("r", "t", columns=["id"], where=pc.field("i") > 0, limit=2).read_all().num_rows == 2
    assert server.tickets[0]["limit"] == 2


def test_a_reader_is_an_arrow_stream(client):
    assert pa.table(client.read("r", "t", columns=["id", "d"])) == ROWS.select(["id", "d"])
    assert client.read("r", "t").to_arrow().read_all().num_rows == 12
    assert sum(batch.num_rows for batch in client.read("r", "t")) == 12


@pytest.mark.parametrize(
    ("call", "code"),
    [
        (lambda client: client.read("r", "nothing"), "unknown_dataset"),
        (lambda client: client.read("r", "t", columns=["nothing"]), "unknown_column"),
        (lambda client: client.read("r", "t", columns=["nothing"], where=pc.field("i") > 3), "unknown_column"),
        (lambda client: client.read("r", "t", where=pc.field("nothing") > 3), "unknown_column"),
        (lambda client: client.read("r", "t", columns="id"), "invalid_ticket"),
        (lambda client: client.read("r", "t", where=pc.field("i") > 3, limit=-1), "invalid_limit"),
        (lambda client: client.read("r", "t", where=prop_nan()), "invalid_ticket"),
        (lambda client: client.read("r", "t", where={"op": "spell", "args": []}).read_all(), "invalid_filter"),
        (lambda client: client.info("r", "nothing"), "unknown_dataset"),
        (lambda client: client.schema("r", "nothing"), "unknown_dataset"),
        (lambda client: client.dataset("r", "nothing"), "unknown_dataset"),
        (lambda client: client.put("r", "unknown", ROWS), "unknown_table"),
        (lambda client: client.put("r", "unknown", ROWS.slice(0, 0)), "unknown_table"),
        (lambda client: client.put("r", "full", ROWS), "disk_full"),
    ],
)
def test_a_refusal_keeps_its_code(client, call, code):
    assert code_of(call, client) == code


def prop_nan():
    return {"op": ">", "args": [{"property": "f"}, float("nan")]}


def test_an_error_half_way_keeps_code_and_message_after_the_rows_before_it(client):
    reader = client.read("r", "broken")
    assert reader.read_next_batch().num_rows == 65536
    for _ in range(2):
        with pytest.raises(FlightClientError, match="the disk is gone") as raised:
            reader.read_next_batch()
        assert raised.value.code == "disk_gone"


def test_no_server():
    with (
        connect("grpc://127.0.0.1:1") as client,
        pytest.raises(UnreachableError, match=r"grpc://127\.0\.0\.1:1") as raised,
    ):
        client.repos()
    assert raised.value.code == "unreachable"


def test_an_address_that_is_none():
    assert code_of(connect, "nonsense") == "invalid"


def test_a_deadline(server):
    with connect(server.uri, timeout=0.3) as client:
        assert code_of(client.read("r", "stuck").read_all) == "timed_out"


@pytest.mark.parametrize("dataset", ["endless", "stuck"])
@pytest.mark.parametrize("ending", ["close", "drop", "drop iterator", "leave block", "close client"])
def test_a_stream_ends_at_the_server_when_the_reader_lets_go(client, server, dataset, ending):
    reader = client.read("r", dataset)
    reader.read_next_batch()
    match ending:
        case "close":
            reader.close()
        case "drop":
            del reader
        case "drop iterator":
            arrow = reader.to_arrow()
            del reader
            arrow.read_next_batch() if dataset == "endless" else None
            del arrow
        case "leave block":
            with reader:
                pass
        case "close client":
            client.close()
    assert server.wait_until_idle()


def test_closing_wakes_a_reader_that_waits(client, server):
    reader = client.read("r", "stuck")
    reader.read_next_batch()
    failures = []

    def wait():
        try:
            reader.read_next_batch()
        except FlightClientError as error:
            failures.append(error)

    waiting = threading.Thread(target=wait)
    waiting.start()
    time.sleep(0.1)
    reader.close()
    waiting.join(60)
    assert not waiting.is_alive()
    assert [type(error) for error in failures] == [StreamClosedError]
    assert server.wait_until_idle()


def test_rows_that_were_not_read_are_no_silent_end(client):
    reader = client.read("r", "endless")
    reader.read_next_batch()
    reader.close()
    for _ in range(2):
        with pytest.raises(StreamClosedError):
            reader.read_all()


def test_threads_share_a_client(client):
    with ThreadPoolExecutor(8) as pool:
        tables = list(pool.map(lambda _: client.read("r", "t").read_all(), range(32)))
    assert all(same(table, ROWS) for table in tables)


def test_a_closed_client_says_so(client):
    client.close()
    client.close()
    assert code_of(client.repos) == "closed"
    assert code_of(client.read, "r", "t") == "closed"


def test_put_is_a_transaction_with_the_rows_that_were_sent(client, server):
    server.actions.clear()
    reply = client.put("new", "t", pa.table({"a": range(100_000)}))
    assert (reply["rows"], reply["snapshot"]) == (100_000, server.snapshot)
    assert [name for name, _ in server.actions] == ["begin", "commit"]
    assert server.actions[1][1]["rows"] == {"t": 100_000}
    assert client.read("new", "t").read_all()["a"].to_pylist() == list(range(100_000))
    client.drop("new")
    assert "new" not in client.repos()


def test_put_streams_what_another_read_gives(client):
    client.put("copy", "t", client.read("r", "t"))
    assert same(client.read("copy", "t").read_all(), ROWS)
    client.drop("copy")


def test_a_put_whose_source_breaks_off_keeps_nothing(client, server):
    def batches():
        yield pa.record_batch({"a": [1]})
        raise OSError("the source is gone")

    server.actions.clear()
    with pytest.raises(OSError, match="the source is gone"):
        client.put("new", "t", pa.RecordBatchReader.from_batches(pa.schema([("a", pa.int64())]), batches()))
    assert [name for name, _ in server.actions] == ["begin", "abort"]
    assert "new" not in client.repos()


def test_put_into_a_transaction_is_not_committed(client, server):
    txn = client.begin("new", files=3)["txn"]
    server.actions.clear()
    assert client.put("new", "t", pa.table({"a": [1, 2]}), txn=txn)["rows"] == 2
    assert server.actions == []
    assert code_of(client.commit, txn, {"t": 3}) == "row_count"


def test_actions(client):
    assert client.snapshots("r")[0]["snapshot"] >= 7
    assert client.stats("r")["repo"] == "r"
    assert client.healthcheck() == {"ok": True}
    assert client.explain("r", "t", columns=["id"])["ticket"] == {"repo": "r", "dataset": "t", "columns": ["id"]}


class OtherServer(flight.FlightServerBase):
    """A Flight server of another make, which tells callers the header that they sent."""

    def __init__(self):
        super().__init__("grpc://127.0.0.1:0", middleware={"seen": SeenHeaders()})

    def do_action(self, context, _action):
        yield flight.Result(f"{context.get_middleware('seen').headers['authorization']}".encode())


class Seen(flight.ServerMiddleware):
    def __init__(self, headers):
        self.headers = headers


class SeenHeaders(flight.ServerMiddlewareFactory):
    def start_call(self, _info, headers):
        return Seen(headers)


def test_a_server_of_another_make_is_told_apart_and_headers_travel():
    with OtherServer() as other, connect(f"grpc://127.0.0.1:{other.port}", headers={"Authorization": "me"}) as client:
        with pytest.raises(FlightClientError, match="me") as raised:
            client.healthcheck()
        assert raised.value.code == "protocol"
        assert code_of(client.read, "r", "t") == "not_implemented"
