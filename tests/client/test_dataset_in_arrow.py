"""What pyarrow does with a FlightDataset by itself, in C++; and a dataset or client in another process."""

import copy
import pickle
import subprocess
import sys
import textwrap

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
import pytest
from pyarrow import acero
from wire_server import ROWS, same

from flight_client import FlightClientError, connect

LOCAL = ds.dataset(ROWS)


@pytest.fixture
def dataset(client):
    return client.dataset("r", "t")


def program(server, text):
    """The output of a Python program in a process of its own, which must end by itself without an error."""
    begun = f"from flight_client import connect, FlightClientError\nclient = connect({server.uri!r})\n"
    done = subprocess.run(
        [sys.executable, "-c", begun + textwrap.dedent(text)], capture_output=True, text=True, timeout=120, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.split()


def test_a_scanner_of_pyarrow(dataset):
    assert same(ds.Scanner.from_dataset(dataset).to_table(), ROWS)
    scanner = ds.Scanner.from_dataset(dataset, columns=["id"], filter=pc.field("i") > 5)
    assert same(scanner.to_table(), LOCAL.to_table(columns=["id"], filter=pc.field("i") > 5))


def test_a_filtered_dataset_stays_filtered(dataset):
    positive = dataset.filter(pc.field("i") > 0)
    assert ds.Scanner.from_dataset(positive).count_rows() == LOCAL.count_rows(filter=pc.field("i") > 0)


def test_a_union_with_another_dataset(dataset):
    both = ds.dataset([dataset, ds.InMemoryDataset(ROWS)])
    assert both.count_rows() == 2 * ROWS.num_rows
    assert same(both.to_table().slice(0, ROWS.num_rows), ROWS)


def test_a_join_from_another_dataset(dataset):
    names = ds.dataset(pa.table({"id": pa.array([3, 1], pa.int64()), "name": ["c", "a"]}))
    joined = names.join(dataset, "id").to_table().sort_by("id")
    assert joined.select(["name", "i8"]).to_pylist() == [{"name": "a", "i8": 1}, {"name": "c", "i8": -1}]


def test_a_plan_of_acero(dataset):
    scan = acero.Declaration("scan", acero.ScanNodeOptions(dataset, columns={"id": pc.field("id")}))
    assert scan.to_table().column("id").sort().to_pylist() == list(range(12))


def test_written_by_pyarrow(dataset, tmp_path):
    ds.write_dataset(dataset, tmp_path, format="parquet", partitioning=["b"])
    assert ds.dataset(tmp_path, partitioning=["b"]).count_rows() == ROWS.num_rows


def test_a_schema_with_fewer_columns(dataset):
    schema = pa.schema([ROWS.schema.field("id")])
    assert same(dataset.replace_schema(schema).to_table(), ROWS.select(["id"]))


def test_the_files_of_a_dataset_are_not_written(dataset):
    with pytest.raises(FlightClientError, match="only be read"):
        dataset.filesystem.delete_file(dataset.files[0])


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy])
def test_copies_read_the_same_snapshot(dataset, server, copied):
    narrowed = dataset.filter(pc.field("i") > 0)
    expected = LOCAL.to_table(filter=pc.field("i") > 0)
    before, server.snapshot = server.snapshot, server.snapshot + 1
    try:
        assert same(copied(narrowed).to_table(), expected)
    finally:
        server.snapshot = before
    fragments = [copied(fragment) for fragment in dataset.get_fragments()]
    assert same(pa.concat_tables(fragment.to_table() for fragment in fragments), ROWS)


def test_pickled_for_another_process(server):
    with connect(server.uri, headers={"authorization": "Bearer secret"}) as client:
        pickled = pickle.dumps((client, client.dataset("r", "t")))
    assert b"secret" not in pickled
    assert program(
        server,
        f"""
        import pickle
        other, dataset = pickle.loads({pickled!r})
        print(other.dataset("r", "t").count_rows(), len(dataset.to_table()))
        """,
    ) == ["12", "12"]


def test_a_forked_process_is_told_what_to_do(server):
    assert (
        program(
            server,
            f"""
        import os
        dataset = client.dataset("r", "t")
        dataset.to_table()
        child = os.fork()
        if not child:
            for read in (dataset.to_table, lambda: client.read("r", "t"), lambda: connect({server.uri!r})):
                try:
                    read()
                except FlightClientError as error:
                    print(error.code, "spawn" in error.message, flush=True)
            os._exit(0)
        os.waitpid(child, 0)
        """,
        )
        == ["forked", "True"] * 3
    )


def test_calls_to_this_machine_pass_no_proxy(server, monkeypatch):
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    assert program(server, "print(len(client.read('r', 't').read_all()))") == ["12"]


def test_an_interrupt_ends_the_wait_for_the_first_batch(server):
    assert program(
        server,
        """
        import os, signal, threading
        reader = client.read("r", "silent")
        threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGINT)).start()
        try:
            reader.read_all()
        except KeyboardInterrupt:
            print("interrupted")
        try:
            reader.read_next_batch()
        except FlightClientError as error:
            print(error.code)
        """,
    ) == ["interrupted", "closed"]
    with server.all_closed:
        assert server.all_closed.wait_for(lambda: not server.open_streams, timeout=60)


def test_no_columns_are_rows_without_columns(client):
    assert client.read("r", "t", columns=[]).read_all().shape == (12, 0)
    where = {"op": ">", "args": [{"property": "i"}, 5]}
    assert client.read("r", "t", columns=[], where=where, limit=2).read_all().shape == (2, 0)


def test_a_whole_number_is_compared_with_a_fraction(dataset):
    assert same(dataset.to_table(filter=pc.field("i8") > 2.5), ROWS.filter(pc.greater(ROWS["i"], 2)))


def test_a_put_says_what_it_takes(client):
    with pytest.raises(FlightClientError, match=r"a put takes a pyarrow Table .* given: list") as raised:
        client.put("r", "t", [{"id": 1}])
    assert raised.value.code == "invalid_data"
