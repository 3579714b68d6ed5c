import gc
import os
import time
from pathlib import Path

import pytest
from processes import finished, start
from stored_tables import OTHER, ROWS, forget_hints, pairs_of, rows

from flight_server.storage import retention
from flight_server.storage.paths import RepoPaths
from flight_server.storage.store import Store
from flight_server.storage.store_errors import SnapshotGoneError, StoreCorruptError, UnknownSnapshotError


def committed(store: Store, value: int):
    transaction = store.begin("r")
    transaction.put(ROWS, rows([("a", value)]))
    return transaction.commit()


def aged(root: Path, number: int, seconds: float) -> None:
    """Let the marks of a snapshot's retirement and of its last read be older."""
    long_ago = time.time() - seconds
    for marker in root.rglob(f"snapshots/{number:020}.re*"):
        os.utime(marker, (long_ago, long_ago))


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
    aged(tmp_path, 1, 51)
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
    assert sorted(path.name for path in tmp_path.rglob("snapshots/*")) == [f"{3:020}.json", "newest"]


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


def test_a_retired_snapshot_that_nobody_has_read_goes_first(tmp_path: Path):
    store = Store(tmp_path, keep=1, grace=1000.0)
    for value in range(5):
        committed(store, value)
        if value == 1:
            store.snapshot("r")
    for number in range(1, 5):
        aged(tmp_path, number, 100)
    gc.collect()
    store.prune("r")
    assert stored(store) == 2
    assert pairs_of(store.snapshot("r", 2).read(ROWS)) == [("a", 1)]
    with pytest.raises(UnknownSnapshotError):
        store.snapshot("r", 3)
    assert committed(store, 9).number == 6
    assert sum(path.stat().st_size for path in tmp_path.rglob("snapshots/*3.*")) == 0


def test_a_read_begins_the_grace_again(tmp_path: Path):
    store = Store(tmp_path, keep=1, grace=100.0)
    reader = Store(tmp_path).snapshot
    committed(store, 0)
    held = reader("r", 1)
    committed(store, 1)
    aged(tmp_path, 1, 99)
    retention.NOTE_SECONDS, before = 0.0, retention.NOTE_SECONDS
    try:
        held.read(ROWS)
    finally:
        retention.NOTE_SECONDS = before
    store.prune("r")
    assert pairs_of(reader("r", 1).read(ROWS)) == [("a", 0)]


@pytest.mark.parametrize("stray", [".DS_Store", "raw/.DS_Store", "raw/rows/.DS_Store", "raw/rows/0/.DS_Store"])
def test_a_stray_file_does_not_stop_retention(tmp_path: Path, stray):
    store = Store(tmp_path, keep=1, grace=0.0)
    committed(store, 0)
    path = tmp_path / "repos" / "r" / stray
    path.touch()
    for value in range(3):
        committed(store, value)
    gc.collect()
    store.prune("r")
    assert (stored(store), path.exists(), store.failed_prunes) == (1, True, 0)


@pytest.mark.parametrize("content", ["", "{}", None], ids=["empty", "no manifest", "a copy of a manifest"])
def test_a_file_that_only_looks_like_a_manifest_is_no_snapshot(tmp_path: Path, content, caplog):
    store = Store(tmp_path, keep=2, grace=0.0)
    committed(store, 0)
    folder = tmp_path / "repos" / "r" / "snapshots"
    stray = folder / f"{'9' * 20}.json"
    stray.write_text((folder / f"{1:020}.json").read_text() if content is None else content)
    for opened in (store, Store(tmp_path, keep=2, grace=0.0)):
        forget_hints()
        assert opened.snapshot("r").number == 1
    assert [committed(store, value).number for value in (1, 2, 3, 4)] == [2, 3, 4, 5]
    forget_hints()
    gc.collect()
    store.prune("r")
    assert [snapshot.number for snapshot in store.snapshots("r")] == [4, 5]
    assert (stored(store), store.failed_prunes, stray.exists()) == (2, 0, True)
    assert "is not a manifest" in caplog.text


def test_a_failed_prune_is_logged_and_counted(tmp_path: Path, caplog, monkeypatch):
    store = Store(tmp_path, keep=1, grace=0.0)
    monkeypatch.setattr(retention, "sweep", failing)
    committed(store, 0)
    assert (store.failed_prunes, store.snapshot("r").number) == (1, 1)
    assert "could not be deleted" in caplog.text


def failing(*_: object) -> None:
    raise OSError(5, "an I/O error")


def test_the_newest_snapshot_is_found_without_listing_the_folder(tmp_path: Path, monkeypatch):
    store = Store(tmp_path, keep=2)
    for value in range(4):
        committed(store, value)
    other = Store(tmp_path, keep=2)
    monkeypatch.setattr(RepoPaths, "numbers", failing)
    assert other.snapshot("r").number == 4
    assert store.snapshot("r", 3).number == 3
    committed(other, 9)
    assert store.snapshot("r").number == 5


@pytest.mark.parametrize("hint", ["", "7", "4 0", "x y", "1 -1", b"\xff"], ids=str)
def test_a_damaged_hint_only_costs_a_listing(tmp_path: Path, hint):
    store = Store(tmp_path, keep=2)
    for value in range(4):
        committed(store, value)
    (tmp_path / "repos" / "r" / "snapshots" / "newest").write_bytes(hint if isinstance(hint, bytes) else hint.encode())
    forget_hints()
    assert store.snapshot("r").number == 4
    assert committed(store, 5).number == 5


def test_the_number_of_a_manifest_that_is_missing_is_not_given_again(tmp_path: Path):
    store = Store(tmp_path)
    for value in range(3):
        committed(store, value)
    (tmp_path / "repos" / "r" / "snapshots" / f"{3:020}.json").unlink()
    for opened in (store, Store(tmp_path)):
        with pytest.raises(StoreCorruptError, match="newest snapshot, 3, is missing"):
            committed(opened, 4)
        forget_hints()
        with pytest.raises(StoreCorruptError, match="newest snapshot, 3, is missing"):
            opened.snapshot("r")
        assert opened.repos() == ["r"]
