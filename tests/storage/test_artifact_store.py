"""The folder of cached results: each is found complete or not at all, and the least recently used is deleted first."""

import os
import resource
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from flight_server.storage.artifacts import ArtifactStore
from flight_server.storage.store_errors import StoreCorruptError

VOCABULARY = pa.array(["A", "B", "C"])
TABLE = pa.table(
    {
        "number": pa.array([1, None, 3, 4] * 500),
        "text": pa.array(["é", "", None, "long enough"] * 500),
        "list": pa.array([[1, 2], None, [], [None]] * 500),
        "kind": pa.DictionaryArray.from_arrays(pa.array([0, 2, None, 1] * 500, pa.int32()), VOCABULARY),
    }
)


def kept(store, name, table=TABLE, part=None):
    draft = store.draft(table.schema, hashed=True)
    for batch in table.to_batches(300):
        draft.write(batch, part)
    try:
        return store.keep(name, draft)
    finally:
        draft.discard()


def table_of(found, columns=None, part=None):
    """The rows of a result, the columns in the order named."""
    schema = found.schema if columns is None else pa.schema([each for each in found.schema if each.name in columns])
    table = pa.Table.from_batches(found.batches(columns, part), schema)
    return table if columns is None else table.select(columns)


@pytest.mark.parametrize("columns", [None, ["kind", "number"], ["list"]])
def test_what_was_written_is_read(tmp_path, columns):
    store = ArtifactStore(tmp_path)
    kept(store, "a", TABLE.slice(7, 1501))
    wanted = TABLE.slice(7, 1501) if columns is None else TABLE.slice(7, 1501).select(columns)
    assert table_of(store.find("a"), columns).equals(wanted)


def test_any_arrow_reader_opens_the_file(tmp_path):
    kept(ArtifactStore(tmp_path), "a")
    with pa.ipc.open_file(tmp_path / "a.arrow") as reader:
        assert reader.read_all().equals(TABLE)


def test_a_part_is_read_alone(tmp_path):
    store = ArtifactStore(tmp_path)
    draft = store.draft(TABLE.schema)
    for part in (0, 2, "global"):
        for batch in TABLE.slice(0, 10 + len(str(part))).to_batches():
            draft.write(batch, part)
    store.keep("a", draft)
    found = store.find("a")
    assert [table_of(found, part=part).num_rows for part in (0, 1, 2, "global", None)] == [11, 0, 11, 16, 38]
    assert found.index.span(2).rows == 11


def test_the_hash_of_rows_is_that_of_the_columns_asked_for(tmp_path):
    store = ArtifactStore(tmp_path)
    doubled = TABLE.set_column(0, "number", pc.multiply(TABLE["number"], 2))
    first, same, other = kept(store, "a"), kept(store, "b"), kept(store, "c", doubled)
    assert first.index.content_hash() == same.index.content_hash() != other.index.content_hash()
    assert first.index.content_hash(["text", "kind"]) == other.index.content_hash(["text", "kind"])


def test_the_least_recently_read_goes_first(tmp_path):
    one = kept(ArtifactStore(tmp_path / "one"), "a").size
    store = ArtifactStore(tmp_path / "all", 4 * one)
    for name in "abcd":
        kept(store, name)
        time.sleep(0.01)
    assert store.find("a")
    kept(store, "e")
    assert [name for name in "abcde" if store.has(name)] == ["a", "d", "e"]


def test_what_is_open_can_be_read_after_it_was_deleted(tmp_path):
    store = ArtifactStore(tmp_path, 1)
    found = kept(store, "a")
    assert list(tmp_path.iterdir()) == []
    assert table_of(found).equals(TABLE)


def test_a_result_that_lacks_a_column_is_damaged(tmp_path):
    store = ArtifactStore(tmp_path)
    kept(store, "a", TABLE.drop_columns(["kind"]))
    with pytest.raises(StoreCorruptError):
        table_of(store.find("a"), ["number", "kind"])


def test_many_threads_read_one_open_artifact(tmp_path):
    store = ArtifactStore(tmp_path)
    kept(store, "a")
    found = store.find("a")
    with ThreadPoolExecutor(8) as threads:
        tables = list(threads.map(lambda _: table_of(found), range(64)))
    assert all(table.equals(TABLE) for table in tables)


def test_an_artifact_without_rows_has_its_schema(tmp_path):
    store = ArtifactStore(tmp_path)
    kept(store, "a", TABLE.slice(0, 0))
    assert table_of(store.find("a")).equals(TABLE.slice(0, 0))


@contextmanager
def disk_full_beyond(size):
    """No file of this process may grow beyond so many bytes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, before)


@pytest.mark.parametrize("size", [0, 1000, 20_000])
def test_a_result_that_the_disk_refuses_is_held_in_memory(tmp_path, size):
    store = ArtifactStore(tmp_path)
    with disk_full_beyond(size):
        found = kept(store, "a")
    assert table_of(found).equals(TABLE)
    assert table_of(found, ["kind"]).equals(TABLE.select(["kind"]))
    assert table_of(store.find("a")).equals(TABLE)
    assert (list(tmp_path.iterdir()), ArtifactStore(tmp_path).find("a")) == ([], None)


def test_a_result_is_found_where_nothing_can_be_written(tmp_path, monkeypatch):
    def refuse(*_, **__):
        raise PermissionError

    kept(ArtifactStore(tmp_path), "a")
    monkeypatch.setattr(os, "utime", refuse)
    assert table_of(ArtifactStore(tmp_path).find("a")).equals(TABLE)


def test_a_closed_result_holds_no_descriptor_once_its_last_user_has_closed_it(tmp_path):
    found = kept(ArtifactStore(tmp_path), "a")
    with found.shared() as other:
        other.close()
        assert table_of(found).equals(TABLE)
    with pytest.raises(StoreCorruptError):
        table_of(found)


def flip_a_bit_of_every_batch(path):
    content = bytearray(path.read_bytes())
    place = content.find(b"long enough")
    while place >= 0:
        content[place] ^= 1
        place = content.find(b"long enough", place + 1)
    with path.open("r+b") as file:
        file.write(content)


def test_damage_that_comes_after_a_batch_was_checked_is_found(tmp_path):
    store = ArtifactStore(tmp_path)
    kept(store, "a")
    found = store.find("a")
    assert table_of(found).equals(table_of(found))
    rest = found.batches()
    next(rest)
    flip_a_bit_of_every_batch(tmp_path / "a.arrow")
    with pytest.raises(StoreCorruptError, match="damaged"):
        next(rest)
    with pytest.raises(StoreCorruptError, match="damaged"):
        table_of(store.find("a"), ["text"])
    assert table_of(store.find("a"), ["number"]).equals(TABLE.select(["number"]))


def test_a_repos_results_go_together(tmp_path):
    store = ArtifactStore(tmp_path)
    for name in ("r/a", "r/b", "s/a"):
        kept(store, name).close()
    with store.find("r/a") as opened:
        assert store.repo_bytes("r") > store.repo_bytes("s") > 0
        store.drop_repo("r")
        assert table_of(opened).equals(TABLE)
    assert (store.repo_bytes("r"), store.has("r/b"), store.has("s/a")) == (0, False, True)


def test_drafts_count_and_those_of_dead_processes_are_deleted(tmp_path):
    store = ArtifactStore(tmp_path)
    draft = store.draft(TABLE.schema)
    draft.write(TABLE.to_batches()[0])
    dead = tmp_path / ".draft-dead"
    dead.write_bytes(bytes(10_000_000))
    kept(store, "r/a").close()
    size = store.repo_bytes("r")
    assert ArtifactStore(tmp_path, limit=2 * size).has("r/a")
    assert [path.name for path in tmp_path.glob(".draft-*")] == [draft.path.name]
    for batch in TABLE.to_batches() * 3:
        draft.write(batch)
    assert not ArtifactStore(tmp_path, limit=2 * size).has("r/a")
    draft.discard()
