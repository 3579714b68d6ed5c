"""do_put over Flight: modes, types that are cast, and transactions."""

import json
import subprocess
import sys
from contextlib import suppress

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from pyarrow import flight
from rpc_server import PARTS_4, Peer, code_of, command, name_refs, path, running, sample, starts

from flight_client.contracts.raw import RAW_TABLES
from flight_server.rpc.sql_door import FLIGHT_SQL_ACTIONS


def large(kind):
    if pa.types.is_list(kind):
        return pa.large_list(large(kind.value_type))
    if pa.types.is_struct(kind):
        return pa.struct([(field.name, large(field.type)) for field in kind])
    return {pa.string(): pa.large_string(), pa.binary(): pa.large_binary()}.get(kind, kind)


def view(kind):
    if pa.types.is_list(kind):
        return pa.list_view(kind.value_type)
    return {pa.string(): pa.string_view(), pa.binary(): pa.binary_view()}.get(kind, kind)


def dictionary(kind):
    return pa.dictionary(pa.int16(), kind) if pa.types.is_string(kind) else kind


def cast(column, kind):
    if pa.types.is_list_view(kind):
        return pa.chunked_array([pa.array(column.to_pylist(), kind)])
    return column.dictionary_encode().cast(kind) if pa.types.is_dictionary(kind) else column.cast(kind)


@pytest.mark.parametrize("variant", [large, view, dictionary])
@pytest.mark.parametrize("table", RAW_TABLES)
def test_other_encodings_of_the_same_values_are_taken(peer, repo, table, variant):
    data = sample(RAW_TABLES[table].schema)
    columns = [cast(column, variant(column.type)) for column in data.columns]
    assert peer.put(path(repo, table), pa.table(columns, names=data.schema.names))["rows"] == 1
    assert peer.get(repo, table).equals(data, check_metadata=True)


def test_the_extractors_version_is_kept_and_other_columns_are_not(peer, repo):
    data = name_refs([("a.py", 1)]).append_column("file_sha256", pa.array(["0"]))
    peer.put(path(repo, "cst_name_refs"), data.replace_schema_metadata({"extractor_version": "12", "mine": "x"}))
    found = peer.get(repo, "cst_name_refs")
    assert found.schema.names == RAW_TABLES["cst_name_refs"].schema.names
    assert found.schema.metadata == {**RAW_TABLES["cst_name_refs"].schema.metadata, b"extractor_version": b"12"}
    info = peer.flight.get_flight_info(path(repo, "cst_name_refs"))
    assert info.schema.equals(found.schema, check_metadata=True)


def test_rows_are_read_by_path_and_inside_a_file_as_they_were_put(peer, repo):
    peer.put(path(repo, "cst_name_refs"), name_refs([("b.py", 2), ("a.py", 9), ("b.py", 1), ("a.py", 3)]))
    assert starts(peer.get(repo, "cst_name_refs")) == [("a.py", 9), ("a.py", 3), ("b.py", 2), ("b.py", 1)]


def test_modes_replace_append_files_and_removed(peer, repo):
    def put(mode, rows, **keys):
        peer.put_table(repo, "py_cst_name_refs_v3", name_refs(rows), mode=mode, **keys)
        return starts(peer.get(repo, "cst_name_refs"))

    assert put("replace", [("a.py", 1), ("b.py", 1), ("c.py", 1)]) == [("a.py", 1), ("b.py", 1), ("c.py", 1)]
    assert put("append", [("a.py", 2)]) == [("a.py", 1), ("a.py", 2), ("b.py", 1), ("c.py", 1)]
    assert put("files", [("a.py", 7), ("d.py", 1)]) == [("a.py", 7), ("b.py", 1), ("c.py", 1), ("d.py", 1)]
    assert put("files", [("d.py", 2)], removed=["b.py", "none.py"]) == [("a.py", 7), ("c.py", 1), ("d.py", 2)]
    assert put("append", [], removed=["c.py"]) == [("a.py", 7), ("d.py", 2)]
    assert put("replace", []) == []


def test_files_and_removed_mean_nothing_for_a_table_without_files(peer, repo):
    data = sample(RAW_TABLES["rt_objects"].schema)
    for keys in ({"mode": "files"}, {"mode": "append", "removed": ["a.py"]}):
        with pytest.raises(flight.FlightServerError, match="rt_objects has neither path nor file_id") as caught:
            peer.put_table(repo, "rt_objects", data, **keys)
        assert code_of(caught.value) == "bad_request"


def test_nothing_is_visible_before_commit_and_then_all_at_once(peer, repo):
    peer.put(path(repo, "cst_name_refs"), name_refs([("a.py", 1)]))
    begun = peer.act("begin", {"repo": repo, "files": PARTS_4})
    assert begun["parts"] == 4
    reply = peer.put_table(repo, "cst_name_refs", name_refs([("b.py", 2), ("c.py", 3)]), txn=begun["txn"])
    assert reply == {"table": "cst_name_refs", "rows": 2, "txn": begun["txn"]}
    peer.put_table(repo, "rt_objects", sample(RAW_TABLES["rt_objects"].schema), txn=begun["txn"])
    assert starts(peer.get(repo, "cst_name_refs")) == [("a.py", 1)]
    assert peer.get(repo, "rt_objects").num_rows == 0
    committed = peer.act("commit", {"txn": begun["txn"], "rows": {"cst_name_refs": 2, "rt_objects": 1}})
    assert committed == {"repo": repo, "snapshot": 2}
    assert sorted(starts(peer.get(repo, "cst_name_refs"))) == [("b.py", 2), ("c.py", 3)]
    assert peer.get(repo, "rt_objects").num_rows == 1


def test_a_commit_that_expects_other_rows_leaves_the_transaction_open(peer, repo):
    txn = peer.act("begin", {"repo": repo})["txn"]
    peer.put_table(repo, "cst_name_refs", name_refs([("a.py", 1)]), txn=txn)
    for rows in ({"cst_name_refs": 2}, {}, {"cst_name_refs": 1, "rt_objects": 4}):
        with pytest.raises(flight.FlightServerError, match="not the rows expected") as caught:
            peer.act("commit", {"txn": txn, "rows": rows})
        assert code_of(caught.value) == "row_count_mismatch"
    assert peer.act("commit", {"txn": txn, "rows": {"cst_name_refs": 1}})["snapshot"] == 1


def test_an_aborted_transaction_is_gone(peer, repo):
    peer.put(path(repo, "cst_name_refs"), name_refs([("a.py", 1)]))
    txn = peer.act("begin", {"repo": repo})["txn"]
    peer.put_table(repo, "cst_name_refs", name_refs([("b.py", 1)]), txn=txn)
    assert peer.act("abort", {"txn": txn}) == {"aborted": txn}
    for again in (
        lambda: peer.act("commit", {"txn": txn}),
        lambda: peer.act("abort", {"txn": txn}),
        lambda: peer.put_table(repo, "cst_name_refs", name_refs([("b.py", 1)]), txn=txn),
    ):
        with pytest.raises(flight.FlightServerError, match="no transaction") as caught:
            again()
        assert code_of(caught.value) == "unknown_transaction"
    assert starts(peer.get(repo, "cst_name_refs")) == [("a.py", 1)]


def test_a_transaction_takes_puts_of_its_own_repo_only(peer, repo):
    txn = peer.act("begin", {"repo": repo})["txn"]
    with pytest.raises(flight.FlightServerError, match=f"is one of repo {repo}") as caught:
        peer.put_table("seeded", "cst_name_refs", name_refs([("b.py", 1)]), txn=txn)
    assert code_of(caught.value) == "bad_request"
    peer.act("abort", {"txn": txn})


def test_two_transactions_on_the_same_rows_conflict(peer, repo):
    txns = [peer.act("begin", {"repo": repo})["txn"] for _ in range(2)]
    for number, txn in enumerate(txns):
        peer.put_table(repo, "cst_name_refs", name_refs([("a.py", number)]), txn=txn)
    peer.act("commit", {"txn": txns[0]})
    with pytest.raises(flight.FlightServerError) as caught:
        peer.act("commit", {"txn": txns[1]})
    assert code_of(caught.value) == "conflict"
    assert starts(peer.get(repo, "cst_name_refs")) == [("a.py", 0)]


def test_commit_removes_the_rows_of_gone_files_from_every_table(peer, repo):
    peer.put(path(repo, "cst_name_refs"), name_refs([("a.py", 1), ("b.py", 1)]))
    peer.put(
        path(repo, "cst_defs"), pa.concat_tables(sample(RAW_TABLES["cst_defs"].schema, p) for p in ("a.py", "b.py"))
    )
    txn = peer.act("begin", {"repo": repo})["txn"]
    peer.act("commit", {"txn": txn, "removed": ["a.py"]})
    assert starts(peer.get(repo, "cst_name_refs")) == [("b.py", 1)]
    assert peer.get(repo, "cst_defs")["path"].to_pylist() == ["b.py"]


def test_snapshots_stats_and_drop(peer, repo):
    for start in (1, 2):
        peer.put(path(repo, "cst_name_refs"), name_refs([("a.py", start)]))
    assert [each["snapshot"] for each in peer.act("snapshots", {"repo": repo})["snapshots"]] == [1, 2]
    stats = peer.act("stats", {"repo": repo})
    assert (stats["snapshot"], stats["parts"], stats["tables"]["cst_name_refs"]["rows"]) == (2, 1, 1)
    assert repo in peer.act("stats")["repos"]
    assert peer.act("drop", {"repo": repo}) == {"dropped": repo}
    assert repo not in peer.act("stats")["repos"]
    with pytest.raises(flight.FlightServerError, match="there is no repo"):
        peer.get(repo, "cst_name_refs")


def test_explain_tells_what_a_read_would_scan(peer):
    account = peer.act(
        "explain",
        {
            "repo": "seeded",
            "dataset": "callsite_qname_candidates",
            "columns": ["qname"],
            "where": {"op": "=", "args": [{"property": "path"}, "pkg/m3.py"]},
        },
    )
    [part] = account["parts"]
    [scan] = part["scans"]
    assert scan["table"] == "cst_callsites"
    assert "callee_text" not in scan["columns"]
    assert "pkg/m3.py" in scan["where"]
    assert account["lineage"] == ["cst_callsites"]
    assert "cst_callsites" in account["text"]


def test_health_and_the_list_of_actions(peer):
    assert peer.act("healthcheck") == {"status": "ok"}
    assert {action.type for action in peer.flight.list_actions()} == {
        *("begin", "commit", "abort", "drop", "explain", "stats", "healthcheck", "CancelFlightInfo"),
        *("snapshots", "rollback", "diff", "pin", "prune", "sizes", "check", "calls", "cancel"),
        *FLIGHT_SQL_ACTIONS,
    }


def test_what_was_put_is_there_after_a_restart(tmp_path):
    data = name_refs([("a.py", 1), ("b.py", 2)])
    with running(tmp_path) as server:
        Peer(server.uri).put(path("r", "cst_name_refs"), data)
    with running(tmp_path) as server:
        found = Peer(server.uri).get("r", "cst_name_refs")
    assert found.equals(data)


def test_many_small_batches_are_one_put(peer, repo):
    data = name_refs(("a.py", n) for n in range(1000))
    peer.put(command(repo=repo, table="cst_name_refs"), data, batch_rows=3)
    assert pc.sum(peer.get(repo, "cst_name_refs")["bstart"]).as_py() == 499_500


def test_messages_without_rows_are_passed_over(peer, repo):
    data = name_refs([("a.py", 1)])
    writer, replies = peer.flight.do_put(command(repo=repo, table="cst_name_refs", rows=1), data.schema)
    writer.write_metadata(b"nothing")
    writer.write_batch(data.to_batches()[0].slice(0, 0))
    writer.write_with_metadata(data.to_batches()[0], b"ignored")
    writer.done_writing()
    assert json.loads(replies.read().to_pybytes())["rows"] == 1
    writer.close()


@pytest.mark.parametrize(
    ("end", "said"),
    [
        (None, "1 rows arrived, and nothing says that these are all"),
        ('{"rows": 2}', "1 rows arrived, the put announced 2"),
        ("the end", "the metadata of a put is not UTF-8 JSON"),
    ],
)
@pytest.mark.parametrize("mode", ["replace", "append", "files"])
def test_a_put_that_does_not_name_its_rows_counts_for_nothing(peer, repo, mode, end, said):
    before = name_refs([("a.py", 1), ("a.py", 2)])
    peer.put(path(repo, "cst_name_refs"), before)
    target = command(repo=repo, table="cst_name_refs", mode=mode)
    writer, _ = peer.flight.do_put(target, before.schema)
    writer.write_table(before.slice(0, 1))
    if end is not None:
        writer.write_metadata(end.encode())
    with pytest.raises(flight.FlightServerError, match=said):
        writer.close()
    assert peer.get(repo, "cst_name_refs").equals(before)


def test_a_put_that_is_closed_before_its_first_batch_counts_for_nothing(peer, repo):
    before = name_refs([("a.py", 1)])
    peer.put(path(repo, "cst_name_refs"), before)
    writer, _ = peer.flight.do_put(path(repo, "cst_name_refs"), before.schema)
    with pytest.raises(flight.FlightServerError, match="0 rows arrived, and nothing says"):
        writer.close()
    assert peer.get(repo, "cst_name_refs").equals(before)


DYING_CLIENT = """
import os, sys
import pyarrow as pa
from pyarrow import flight
uri, command, table = sys.argv[1], sys.argv[2].encode(), pa.ipc.open_stream(bytes.fromhex(sys.argv[3])).read_all()
writer, _ = flight.connect(uri).do_put(flight.FlightDescriptor.for_command(command), table.schema)
for _ in range(20):
    writer.write_table(table)
os.kill(os.getpid(), 9)
"""


def test_a_put_whose_client_died_counts_for_nothing(peer, repo):
    peer.put(path(repo, "cst_name_refs"), name_refs([("a.py", 1)]))
    data = name_refs([("b.py", number) for number in range(50)])
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, data.schema) as stream:
        stream.write_table(data)
    for mode in ("replace", "append", "files"):
        txn = peer.act("begin", {"repo": repo})["txn"]
        asked = json.dumps({"repo": repo, "table": "cst_name_refs", "txn": txn, "mode": mode})
        arguments = (peer.uri, asked, sink.getvalue().to_pybytes().hex())
        killed = subprocess.run([sys.executable, "-c", DYING_CLIENT, *arguments], check=False, capture_output=True)
        assert (killed.returncode, killed.stderr) == (-9, b"")
        committed_when_idle(peer, txn)
        assert starts(peer.get(repo, "cst_name_refs")) == [("a.py", 1)]


def committed_when_idle(peer, txn):
    """Commit without a word about rows, as soon as the server has noticed that the put is over."""
    with suppress(flight.FlightServerError):
        return peer.act("commit", {"txn": txn})
    return committed_when_idle(peer, txn)


def test_a_commit_may_be_repeated_and_makes_one_snapshot(peer, repo):
    txn = peer.act("begin", {"repo": repo})["txn"]
    peer.put_table(repo, "cst_name_refs", name_refs([("a.py", 1)]), txn=txn, mode="append")
    first = peer.act("commit", {"txn": txn, "note": {"label": "v1"}})
    assert peer.act("commit", {"txn": txn, "note": {"label": "v1"}}) == first
    assert [each["snapshot"] for each in peer.act("snapshots", {"repo": repo})["snapshots"]] == [1]
