import gc
import os
import time
from pathlib import Path

import pytest
from processes import finished, start
from stored_tables import OTHER, ROWS, pairs_of, rows

from flight_server.storage.store import Store
from flight_server.storage.store_errors import SnapshotGoneError, UnknownSnapshotError


def committed(store: Store, value: int):
    transaction = store.begin("r")
    transaction.put(ROWS, rows([("a", value)]))
    return transaction.commit()


def stored(store: Store) -> int:
    return len(list(store.root.rglob("raw/*/*/*.parquet")))


def test_the_newest_snapshots_are_kept_and_older_ones_are_unknown(tmp_path: Path):
    store = Store(tmp_path, keep=3, grace=0.0)
    for value in range(6):
        committed(store, value)
    assert [snapshot.number for snapshot in store.snapshots("r")] == [4, 5, 6]
    assert pairs_of(store.snapshot("r", 4).read(ROWS)) == [("a", 3)]
    with pytest.raises(UnknownSnapshotError, match="allowed: 4, 5, 6"):
        store.snapshot("r", 3)


def test_who_has_the_number_of_a_retired_snapshot_may_open_it_for_half_of_the_grace(tmp_path: Path):
    store = Store(tmp_path, keep=1, grace=100.0)
    for value in range(3):
        committed(store, value)
    assert [snapshot.number for snapshot in store.snapshots("r")] == [3]
    assert pairs_of(store.snapshot("r", 1).read(ROWS)) == [("a", 0)]
    [marker] = tmp_path.rglob("*1.retired")
    long_ago = time.time() - 51
    os.utime(marker, (long_ago, long_ago))
    with pytest.raises(UnknownSnapshotError, match="allowed: 3"):
        store.snapshot("r", 1)
    assert pairs_of(store.snapshot("r", 2).read(ROWS)) == [("a", 1)]


def test_files_that_only_retired_snapshots_have_are_deleted_after_the_grace(tmp_path: Path):
    store = Store(tmp_path, keep=1)
    transaction = store.begin("r")
    transaction.put(OTHER, rows([("a", 0)]))
    transaction.commit()
    for value in range(4):
        committed(store, value)
    gc.collect()
    store.prune("r")
    assert stored(store) == 5
    Store(tmp_path, keep=1, grace=0.0).prune("r")
    assert stored(store) == 2
    assert pairs_of(store.snapshot("r").read(OTHER)) == [("a", 0)]
    assert pairs_of(store.snapshot("r").read(ROWS)) == [("a", 3)]


def test_a_reader_that_holds_a_snapshot_goes_on_reading_it(tmp_path: Path):
    store = Store(tmp_path, keep=1, grace=0.0, idle=0.0)
    held = committed(store, 0)
    for value in range(1, 5):
        committed(store, value)
        store.prune("r")
    assert pairs_of(held.read(ROWS)) == [("a", 0)]
    assert stored(store) == 2
    del held
    gc.collect()
    store.prune("r")
    assert stored(store) == 1


def test_numbers_go_on_after_pruning(tmp_path: Path):
    store = Store(tmp_path, keep=1, grace=0.0, idle=0.0)
    for value in range(3):
        assert committed(store, value).number == value + 1
        gc.collect()
        store.prune("r")
    assert len(list(tmp_path.rglob("snapshots/*"))) == 1


def test_a_commit_whose_base_was_pruned_is_rebased_if_its_parts_are_as_they_were(tmp_path: Path):
    store = Store(tmp_path, keep=1, grace=0.0, idle=3600.0)
    committed(store, 0)
    late = store.begin("r")
    late.put(OTHER, rows([("b", 9)]))
    for value in (1, 2):
        committed(store, value)
        gc.collect()
        store.prune("r")
    snapshot = late.commit()
    assert (pairs_of(snapshot.read(ROWS)), pairs_of(snapshot.read(OTHER))) == ([("a", 2)], [("b", 9)])


def test_pruning_while_another_process_commits_deletes_nothing_that_it_publishes(tmp_path: Path):
    store = Store(tmp_path, keep=1, grace=0.0)
    committed(store, 0)
    process = start(
        tmp_path,
        """
        for number in range(30):
            transaction = store.begin("r")
            transaction.put(OTHER, rows([("b", number)]))
            transaction.commit()
        """,
    )
    while process.poll() is None:
        store.prune("r")
        snapshot = store.snapshot("r")
        assert pairs_of(snapshot.read(ROWS)) == [("a", 0)]
        assert snapshot.read(OTHER).num_rows == snapshot.rows("other")
        del snapshot
    finished(process)
    assert pairs_of(store.snapshot("r").read(OTHER)) == [("b", 29)]


def test_a_reader_of_a_dropped_repo_gets_a_clear_error(tmp_path: Path):
    store = Store(tmp_path)
    snapshot = committed(store, 0)
    store.drop("r")
    with pytest.raises(SnapshotGoneError, match="dropped"):
        snapshot.read(ROWS)
