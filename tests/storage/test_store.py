"""The store against a model: a snapshot's table is a list of (path, value), sorted by part and path."""

from pathlib import Path
from unittest.mock import patch

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from stored_tables import BY_ID, LOOSE, OTHER, ROWS, pairs_of, rows

from arrowdsl.errors import DataError
from flight_client.contracts.ids import file_id, part_of_path
from flight_server.storage import parquet
from flight_server.storage.manifests import Extractor
from flight_server.storage.store import Store
from flight_server.storage.store_errors import InvalidNameError, UnknownRepoError, UnknownSnapshotError

PATHS = st.sampled_from([f"{folder}/{name}.py" for folder in "ab" for name in "uvwxyz"])
PAIRS = st.lists(st.tuples(PATHS, st.integers(0, 99)), max_size=12)
PUT = st.tuples(st.sampled_from(["replace", "append", "files"]), PAIRS, st.lists(PATHS, max_size=2))
TRANSACTION = st.tuples(
    st.sampled_from([None, 1, 100, 300]), st.lists(PUT, max_size=3), st.lists(PATHS, max_size=2), st.booleans()
)


def model_put(table, mode, pairs, removed):
    if mode == "replace":
        return pairs
    gone = {*removed, *(path for path, _ in pairs)} if mode == "files" else {*removed}
    return [pair for pair in table if pair[0] not in gone] + pairs


def as_stored(table, parts):
    return sorted(table, key=lambda pair: (part_of_path("r", pair[0], parts), pair[0]))


@given(history=st.lists(TRANSACTION, min_size=1, max_size=4), memory=st.sampled_from([0, 100, 1_000_000]))
@settings(max_examples=60, deadline=None)
def test_any_history_of_puts_and_commits_reads_as_the_model(tmp_path_factory, history, memory):
    with patch.multiple(parquet, WAITING_BYTES=memory, LEAST_WAITING_BYTES=memory // 4):
        check_history(tmp_path_factory, history)


def check_history(tmp_path_factory, history):
    store = Store(tmp_path_factory.mktemp("store"), keep=100)
    table, parts, seen = [], 1, {}
    for files, puts, removed, is_committed in history:
        transaction = store.begin("r", files=files)
        staged = table
        for mode, pairs, removed_by_put in puts:
            assert transaction.put(ROWS, rows(pairs), mode=mode, removed=removed_by_put) == len(pairs)
            staged = model_put(staged, mode, pairs, removed_by_put)
        transaction.remove(removed)
        staged = [pair for pair in staged if pair[0] not in removed]
        if not is_committed:
            transaction.abort()
            continue
        snapshot = transaction.commit()
        table, parts = staged, max(parts, transaction.parts)
        seen[snapshot.number] = (table, parts)
    if not seen:
        with pytest.raises(UnknownRepoError):
            store.snapshot("r")
    for number, (expected, n) in seen.items():
        snapshot = store.snapshot("r", number)
        assert snapshot.parts == n
        assert pairs_of(snapshot.read(ROWS)) == as_stored(expected, n)
        assert snapshot.rows("rows") == len(expected)
        assert set(snapshot.part_names("rows")) == {part_of_path("r", path, n) for path, _ in expected}


@given(pairs=PAIRS, order=st.randoms(use_true_random=False))
@settings(max_examples=30, deadline=None)
def test_however_the_files_arrive_the_content_is_the_same(tmp_path_factory, pairs, order):
    by_file: dict[str, list] = {}
    for pair in pairs:
        by_file.setdefault(pair[0], []).append(pair)
    shuffled = list(by_file.values())
    order.shuffle(shuffled)
    sorted_put = Store(tmp_path_factory.mktemp("sorted")).begin("r", files=200)
    sorted_put.put(ROWS, rows(sorted(pairs, key=lambda pair: pair[0])))
    first = sorted_put.commit()
    shuffled_put = Store(tmp_path_factory.mktemp("shuffled")).begin("r", files=200)
    for chunk in shuffled:
        shuffled_put.put(ROWS, rows(chunk), mode="append")
    second = shuffled_put.commit()
    hashes = [{part: s.content_hash("rows", part) for part in s.part_names("rows")} for s in (first, second)]
    assert hashes[0] == hashes[1]


def test_many_unsorted_files_of_a_part_are_merged_in_order(tmp_path: Path):
    count = 70
    store = Store(tmp_path)
    transaction = store.begin("r")
    for number in range(count):  # each put writes a file: more than are merged at once
        transaction.put(ROWS, rows([("b", number), ("a", number)]), mode="append")
    snapshot = transaction.commit({"rows": 2 * count})
    assert pairs_of(snapshot.read(ROWS)) == [(path, n) for path in "ab" for n in range(count)]


def test_tables_without_a_file_live_in_global(tmp_path: Path):
    store = Store(tmp_path)
    for values in ([3, 1], [2]):
        transaction = store.begin("r", files=1000)
        transaction.put(LOOSE, pa.table({"value": values}), mode="append")
        snapshot = transaction.commit()
    assert snapshot.part_names("loose") == ("global",)
    assert snapshot.read(LOOSE)["value"].to_pylist() == [3, 1, 2]
    with pytest.raises(DataError, match="append"):
        store.begin("r").put(LOOSE, pa.table({"value": [1]}), mode="files")


def test_removing_a_path_removes_its_rows_from_tables_by_file_id(tmp_path: Path):
    store = Store(tmp_path)
    ids = {path: file_id("r", path) for path in ("a.py", "b.py")}
    transaction = store.begin("r")
    transaction.put(BY_ID, pa.table({"file_id": list(ids.values())}))
    transaction.put(ROWS, rows([("a.py", 1), ("b.py", 2)]))
    transaction.commit()
    transaction = store.begin("r")
    transaction.remove(["a.py"])
    snapshot = transaction.commit()
    assert snapshot.read(BY_ID)["file_id"].to_pylist() == [ids["b.py"]]
    assert pairs_of(snapshot.read(ROWS)) == [("b.py", 2)]


def test_only_the_parts_that_a_put_touches_are_rewritten(tmp_path: Path):
    store = Store(tmp_path)
    pairs = [(f"{n}.py", n) for n in range(100)]
    transaction = store.begin("r", files=500)
    transaction.put(ROWS, rows(pairs))
    before = transaction.commit().manifest.tables["rows"].files
    transaction = store.begin("r")
    transaction.put(ROWS, rows([("7.py", 70)]), mode="files", removed=["never there"])
    after = transaction.commit().manifest.tables["rows"].files
    changed = {part for part in before if before[part] != after[part]}
    assert changed == {part_of_path("r", "7.py", 8)}


def test_a_put_of_what_is_there_makes_no_snapshot(tmp_path: Path):
    store = Store(tmp_path)
    for _ in range(2):
        transaction = store.begin("r", files=100)
        transaction.put(ROWS, rows([("a", 1), ("b", 2)]))
        snapshot = transaction.commit()
    assert snapshot.number == 1


def test_an_empty_table_is_known_and_has_no_part(tmp_path: Path):
    transaction = Store(tmp_path).begin("r")
    transaction.put(ROWS, rows([]))
    snapshot = transaction.commit({"rows": 0})
    assert snapshot.tables() == {"rows": 0}
    assert snapshot.dataset(ROWS, 0) is None
    assert snapshot.content_hash("rows", 0) is None


def test_the_manifest_names_the_extractor(tmp_path: Path):
    transaction = Store(tmp_path).begin("r")
    data = rows([("a", 1)])
    transaction.put(ROWS, data.replace_schema_metadata({"extractor_version": "3"}))
    transaction.put(OTHER, data.replace_schema_metadata({"extractor_name": "mine"}))
    snapshot = transaction.commit()
    assert snapshot.extractor("rows") == Extractor("hand", "3")
    assert snapshot.extractor("other") == Extractor("mine", None)


@pytest.mark.parametrize("name", ["", ".", "..", ".hidden", "a/b", "a\0b", "ü", "a b", "x" * 101, "a\n", "../up"])
def test_bad_repo_names_are_refused(tmp_path: Path, name):
    store = Store(tmp_path)
    for call in (store.begin, store.snapshot, store.snapshots, store.drop, store.prune):
        with pytest.raises(InvalidNameError):
            call(name)


@pytest.mark.parametrize("name", ["con", "a.b", "-", "_x", "x" * 100, "9"])
def test_good_repo_names_are_taken(tmp_path: Path, name):
    store = Store(tmp_path)
    transaction = store.begin(name)
    transaction.put(ROWS, rows([("a", 1)]))
    transaction.commit()
    assert store.repos() == [name]


def test_unknown_repos_and_snapshots_say_what_there_is(tmp_path: Path):
    store = Store(tmp_path)
    transaction = store.begin("known")
    transaction.put(ROWS, rows([("a", 1)]))
    transaction.commit()
    with pytest.raises(UnknownRepoError, match="known"):
        store.snapshot("other")
    with pytest.raises(UnknownSnapshotError, match="allowed: 1"):
        store.snapshot("known", 2)
    with pytest.raises(UnknownSnapshotError):
        store.snapshot("known", -1)


@pytest.mark.parametrize("files", [-1, 10**12])
def test_an_absurd_number_of_files_is_refused(tmp_path: Path, files):
    with pytest.raises(DataError, match="allowed"):
        Store(tmp_path).begin("r", files=files)


def test_a_dropped_repo_is_gone_and_may_be_made_anew(tmp_path: Path):
    store = Store(tmp_path)
    for value in (1, 2):
        transaction = store.begin("r")
        transaction.put(ROWS, rows([("a", value)]))
        assert pairs_of(transaction.commit().read(ROWS)) == [("a", value)]
        running = store.begin("r")
        running.put(ROWS, rows([("a", 9)]))
        store.drop("r")
        assert store.repos() == []
        with pytest.raises(DataError, match="has ended"):
            running.commit()
    assert not list((tmp_path / "repos").iterdir())


def test_a_number_is_never_given_to_another_repo_of_the_same_name(tmp_path: Path):
    numbers = []
    for value in (1, 2, 3):
        store = Store(tmp_path)
        transaction = store.begin("r")
        transaction.put(ROWS, rows([("a", value)]))
        numbers.append(transaction.commit().number)
        store.drop("r")
    assert numbers == [1, 2, 3]
