"""Running a server: its log, its running calls, and its end under load."""

import json
import signal
import threading
import time

import pyarrow as pa
import pytest
from cli_process import run, serving, succeed

from flight_client import FlightClientError, ServerBusyError, connect
from flight_client.contracts.raw import RAW_TABLES

SCHEMA = RAW_TABLES["cst_name_refs"].schema


def name_refs(count: int, path: str = "a.py") -> pa.Table:
    numbers = range(count)
    given = {
        "file_id": [f"file:{path}"] * count,
        "path": [path] * count,
        "name_ref_id": [f"ref:{path}:{number}" for number in numbers],
        "bstart": list(numbers),
    }
    columns = [pa.array(given.get(field.name, [None] * count), field.type) for field in SCHEMA]
    return pa.Table.from_arrays(columns, schema=SCHEMA)


def test_each_call_is_a_line_of_json_in_the_file_and_the_terminal_stays_empty(tmp_path):
    log = tmp_path / "calls.log"
    words = ("serve", "--store", tmp_path, "--log-file", log, "--log-format", "json")
    with serving(*words) as server:
        with connect(server.uri, headers={"x-request-id": "mine-1"}) as client:
            client.put("repo", "cst_name_refs", name_refs(10))
            long = ", ".join(["'long'"] * 5000)
            client.read("repo", "cst_name_refs", where=f"path in ({long})").read_all()
            client.read("repo", "cst_name_refs", limit=3).read_all()
            with pytest.raises(FlightClientError):
                client.read("repo", "nope\n\x1b[31m" + "x" * 5000).read_all()
        assert server.stop() == 0
        assert server.log() == ""
    lines = log.read_text().splitlines()
    assert all(len(line.encode()) <= 1024 for line in lines)
    calls = [json.loads(line) for line in lines]
    assert {call["request_id"] for call in calls} == {"mine-1"}
    told = {(call["method"], call["dataset"][:13], call["rows"], call["outcome"]) for call in calls}
    assert ("do_put", "cst_name_refs", 10, "complete") in told
    assert ("do_get", "cst_name_refs", 3, "complete") in told
    assert any(outcome == "unknown_dataset" for *_, outcome in told)
    assert all(call["time"] and call["level"] == "info" and call["seconds"] >= 0 for call in calls)


def test_a_server_keeps_as_many_snapshots_and_idle_transactions_as_long_as_it_was_told(tmp_path):
    words = ("serve", "--store", tmp_path, "--keep-snapshots", "2", "--txn-timeout", "0.5")
    with serving(*words) as server, connect(server.uri) as client:
        for count in range(1, 5):
            client.put("repo", "cst_name_refs", name_refs(count))
        assert [each["snapshot"] for each in client.snapshots("repo")] == [3, 4]
        idle = str(client.begin("repo")["txn"])
        time.sleep(1)
        with pytest.raises(FlightClientError, match="has expired"):
            client.commit(idle, {})


def test_a_slow_call_is_a_warning(tmp_path):
    with serving("serve", "--store", tmp_path, "--slow-query", "0") as server:
        with connect(server.uri) as client:
            client.put("repo", "cst_name_refs", name_refs(5))
        server.stop()
        assert any("slow: do_put repo/cst_name_refs: 5 rows" in line for line in server.log().splitlines())


def test_top_shows_a_call_and_cancels_it(tmp_path):
    with serving("serve", "--store", tmp_path) as server, connect(server.uri) as client:
        client.put("repo", "cst_name_refs", name_refs(1_000_000))
        stream = client.read("repo", "cst_name_refs")
        next(iter(stream))
        header, _, line = succeed("top", "--server", server.uri).splitlines()
        assert header.split() == ["call", "method", "identity", "dataset", "rows", "bytes", "seconds", "state"]
        assert "do_get" in line
        [call] = client.maintenance.calls()
        assert call["waiting"] is True
        assert call["rows"] > 0
        assert (
            succeed("top", "--server", server.uri, "--cancel", call["request_id"])
            == f"{call['request_id']}: cancelled\n"
        )
        with pytest.raises(FlightClientError, match="cancelled"):
            stream.read_all()
        done = run("top", "--server", server.uri, "--cancel", "nope")
        assert (done.returncode, done.stderr) == (2, "error: there is no running call nope\n")


def test_sigterm_under_load_loses_no_acknowledged_commit(tmp_path):
    acknowledged: list[str] = []
    read: list[int] = []
    failures: list[BaseException] = []

    def put(uri: str, worker: int) -> None:
        with connect(uri) as client:
            for number in range(10_000):
                client.put("repo", "cst_name_refs", name_refs(20, f"w{worker}/m{number}.py"), mode="append")
                acknowledged.append(f"w{worker}/m{number}.py")

    def get(uri: str, _worker: int) -> None:
        with connect(uri) as client:
            while True:
                read.append(client.read("repo", "cst_name_refs").read_all().num_rows)

    def until_refused(work, *arguments) -> None:
        try:
            work(*arguments)
        except FlightClientError as error:  # the server stops, or is gone
            if not isinstance(error, ServerBusyError) and error.code not in ("stopping", "unreachable", "cancelled"):
                failures.append(error)

    with serving("serve", "--store", tmp_path, "--drain-timeout", "20") as server:
        with connect(server.uri) as client:
            client.put("repo", "cst_name_refs", name_refs(200_000, "big.py"))
            slow = client.read("repo", "cst_name_refs")
            first = next(iter(slow)).num_rows
            threads = [
                threading.Thread(target=until_refused, args=(work, server.uri, worker))
                for worker, work in enumerate((put, put, get, get))
            ]
            for thread in threads:
                thread.start()
            while len(acknowledged) < 10 or not read:
                time.sleep(0.02)
            server.process.send_signal(signal.SIGTERM)
            time.sleep(0.5)
            with connect(server.uri) as late, pytest.raises(FlightClientError) as refused:
                late.read("repo", "cst_name_refs").read_all()
            assert refused.value.code == "stopping"
            assert first + slow.read_all().num_rows == 200_000  # a running stream ends whole
        for thread in threads:
            thread.join(30)
        assert server.process.wait(30) == 0
        assert "Traceback" not in server.log()
    assert failures == []
    with serving("serve", "--store", tmp_path) as server, connect(server.uri) as client:
        stored = set(client.read("repo", "cst_name_refs", columns=["path"]).read_all()["path"].to_pylist())
    assert set(acknowledged) <= stored
