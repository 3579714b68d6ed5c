"""Commits that meet: in one process, in several, and with processes that die."""

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path

import pytest
from processes import finished, killed, start
from stored_tables import OTHER, ROWS, pairs_of, rows

from flight_client.contracts.ids import part_of_path
from flight_server.storage import commit, manifests, retention
from flight_server.storage.paths import RepoPaths
from flight_server.storage.retention import sweep
from flight_server.storage.store import Store
from flight_server.storage.store_errors import (
    ConflictError,
    NotAllowedError,
    OutcomeUnknownError,
    StorageError,
    StoreVersionError,
    UnknownTransactionError,
)
from flight_server.storage.transactions import Transaction


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path)


def put(store: Store, table, pairs, *, mode="replace", files=None):
    transaction = store.begin("r", files=files)
    transaction.put(table, rows(pairs), mode=mode)
    return transaction


def test_the_loser_is_rebased_when_it_touched_another_table(store: Store):
    first, second = put(store, ROWS, [("a", 1)]), put(store, OTHER, [("a", 2)])
    first.commit()
    snapshot = second.commit()
    assert snapshot.number == 2
    assert (pairs_of(snapshot.read(ROWS)), pairs_of(snapshot.read(OTHER))) == ([("a", 1)], [("a", 2)])


def test_the_loser_is_rebased_when_it_touched_another_part(store: Store):
    put(store, ROWS, [("0", 0)], files=128).commit()
    here, there = (next(str(n) for n in range(99) if part_of_path("r", str(n), 2) == part) for part in (0, 1))
    first, second = (put(store, ROWS, [(path, 5)], mode="files") for path in (here, there))
    first.commit()
    assert (here, 5) in pairs_of(second.commit().read(ROWS))
    assert (there, 5) in pairs_of(store.snapshot("r").read(ROWS))


@pytest.mark.parametrize("mode", ["replace", "files"])
def test_the_same_part_of_the_same_table_is_a_conflict_and_the_winner_stays(store: Store, mode):
    put(store, ROWS, [("a", 0)]).commit()
    first, second = put(store, ROWS, [("a", 1)], mode="files"), put(store, ROWS, [("a", 2)], mode=mode)
    first.commit()
    with pytest.raises(ConflictError, match="begin again"):
        second.commit()
    assert pairs_of(store.snapshot("r").read(ROWS)) == [("a", 1)]
    with pytest.raises(UnknownTransactionError):
        second.commit()


def test_growing_the_parts_conflicts_with_any_commit_between(store: Store):
    put(store, ROWS, [("a", 0)]).commit()
    growing, other = put(store, OTHER, [("b", 1)], files=1000), put(store, OTHER, [("c", 2)])
    other.commit()
    with pytest.raises(ConflictError, match="number of parts"):
        growing.commit()


def test_a_repo_that_was_dropped_and_made_anew_is_a_conflict(store: Store):
    put(store, ROWS, [("a", 0)]).commit()
    late = store.begin("r")
    Store(store.root).drop("r")
    put(store, ROWS, [("a", 1)]).commit()
    late.put(ROWS, rows([("a", 2)]))
    with pytest.raises(ConflictError):
        late.commit()
    assert pairs_of(store.snapshot("r").read(ROWS)) == [("a", 1)]


def test_a_number_that_is_taken_at_the_last_moment_is_not_taken_twice(store: Store, monkeypatch):
    put(store, ROWS, [("a", 0)]).commit()
    late = put(store, ROWS, [("a", 1)], mode="files")
    link = commit.os.link

    def overtaken(source, target):
        if target.suffix == ".json" and not store.snapshot("r").rows("other"):
            monkeypatch.setattr(commit.os, "link", link)
            put(store, OTHER, [("b", 2)]).commit()
        link(source, target)

    monkeypatch.setattr(commit.os, "link", overtaken)
    snapshot = late.commit()
    assert snapshot.number == 3
    assert (pairs_of(snapshot.read(ROWS)), pairs_of(snapshot.read(OTHER))) == ([("a", 1)], [("b", 2)])


def test_a_transaction_that_was_swept_cannot_publish(store: Store, monkeypatch):
    late = put(store, ROWS, [("a", 1)])
    link = commit.os.link

    def swept(source, target):
        if target.suffix == ".json":  # the process slept here for hours; another one swept its staging folder
            sweep(RepoPaths(store.root / "repos" / "r"), 0)
        link(source, target)

    monkeypatch.setattr(commit.os, "link", swept)
    with pytest.raises(UnknownTransactionError, match="expired"):
        late.commit()
    assert store.repos() == []


def test_processes_that_commit_at_once_lose_nothing(store: Store):
    script = """
    for number in range(12):
        while True:
            transaction = store.begin("r", files=500)
            transaction.put(ROWS, rows([(f"{sys.argv[2]}/{number}", number)]), mode="append")
            try:
                transaction.commit({"rows": 1})
                break
            except ConflictError:
                pass
    """
    processes = [start(store.root, script, who) for who in "abc"]
    assert [finished(process) for process in processes] == ["", "", ""]
    assert store.snapshot("r").rows("rows") == 36
    assert sorted(value for _, value in pairs_of(store.snapshot("r").read(ROWS))) == sorted(list(range(12)) * 3)


def test_a_process_that_dies_in_a_put_leaves_what_is_stored(store: Store):
    put(store, ROWS, [("a", 1)]).commit()
    killed(
        store.root,
        """
        def dying():
            for number in range(200_000):
                yield rows([("b", number)] * 10_000).to_batches()[0]
                if number == 20:
                    os.kill(os.getpid(), signal.SIGKILL)
        transaction = store.begin("r")
        transaction.put(ROWS, rows([("a", 2)]))
        transaction.put(OTHER, reader(ROWS.plain_schema, dying()))
        """,
    )
    staging = store.root / "repos" / "r" / "staging"
    assert list(staging.iterdir())
    assert pairs_of(Store(store.root).snapshot("r").read(ROWS)) == [("a", 1)]
    assert list(staging.iterdir())  # it might be another process at work
    assert pairs_of(Store(store.root, idle=0.0).snapshot("r").read(ROWS)) == [("a", 1)]
    assert not list(staging.iterdir())


@pytest.mark.parametrize("at", [1, 2, 3])
def test_a_process_that_dies_in_a_commit_leaves_what_is_stored(store: Store, at):
    """It dies before its first file is linked, before the second, and before the manifest is."""
    put(store, ROWS, [("a", 1)]).commit()
    before = set(store.root.rglob("*.parquet"))
    killed(
        store.root,
        f"""
        link, calls = os.link, []
        def dying(source, target):
            calls.append(target)
            if len(calls) == {at}:
                os.kill(os.getpid(), signal.SIGKILL)
            link(source, target)
        os.link = dying
        transaction = store.begin("r")
        transaction.put(ROWS, rows([("a", 2)]))
        transaction.put(OTHER, rows([("a", 2)]))
        transaction.commit()
        """,
    )
    assert store.snapshot("r").number == 1
    assert pairs_of(put(store, ROWS, [("b", 2)], mode="append").commit().read(ROWS)) == [("a", 1), ("b", 2)]
    cleaned = Store(store.root, keep=1, grace=0.0, idle=0.0)
    cleaned.prune("r")
    assert len(list(store.root.rglob("*.parquet"))) == 1
    assert not before & set(store.root.rglob("*.parquet"))


def test_a_commit_that_the_disk_does_not_confirm_says_so_and_may_be_repeated(store: Store, monkeypatch):
    put(store, ROWS, [("a", 0)]).commit()
    transaction = put(store, ROWS, [("b", 1)], mode="append")
    sync = commit.sync

    def failing(files):
        if (folder := RepoPaths(store.root / "repos" / "r").snapshots) in (files := list(files)):
            raise OSError(5, f"an I/O error in {folder}")
        sync(files)

    with monkeypatch.context() as patch:
        patch.setattr(commit, "sync", failing)
        with pytest.raises(OutcomeUnknownError, match=f"commit transaction {transaction.id} again"):
            transaction.commit()
        with pytest.raises(OutcomeUnknownError):
            store.committed(transaction.id)
    for opened in (store, Store(store.root)):
        again = opened.committed(transaction.id)
        assert again is not None
        assert (again.number, pairs_of(again.read(ROWS))) == (2, [("a", 0), ("b", 1)])
    assert store.committed("0" * 32) is None


def test_a_clock_that_stands_still_loses_no_update(store: Store, monkeypatch):
    class StoppedClock(datetime):
        @classmethod
        def now(cls, tz=None):
            return cls(2026, 1, 1, tzinfo=tz)

    monkeypatch.setattr(commit, "datetime", StoppedClock)
    put(store, ROWS, [("a", 0)]).commit()
    first, second = (put(store, ROWS, [("a", value)], mode="files") for value in (1, 2))
    first.commit()
    with pytest.raises(ConflictError):
        second.commit()


def test_a_store_of_a_newer_format_is_refused_with_what_to_do(store: Store, monkeypatch):
    monkeypatch.setattr(manifests, "WRITER_VERSION", 7)
    put(store, ROWS, [("a", 0)]).commit()
    assert pairs_of(store.snapshot("r").read(ROWS)) == [("a", 0)]
    with pytest.raises(StoreVersionError, match="format 7 is needed to write it, this one knows 1; update"):
        put(store, ROWS, [("a", 1)]).commit()
    store.drop("r")
    with monkeypatch.context() as patch:
        patch.setattr(manifests, "READER_VERSION", 8)
        put(store, OTHER, [("b", 0)]).commit()
    with pytest.raises(StoreVersionError, match="format 8 is needed to read it"):
        Store(store.root).snapshot("r")
    (store.root / "store.json").write_text('{"format": 9}')
    with pytest.raises(StoreVersionError, match="format 9"):
        Store(store.root)


def test_a_repo_can_be_dropped_when_nothing_can_be_written(store: Store, monkeypatch):
    for value in range(3):
        put(store, ROWS, [("a", value)]).commit()

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "no space left on device")

    with monkeypatch.context() as patch:
        for name in ("write_text", "write_bytes", "touch"):
            patch.setattr(Path, name, full)
        store.drop("r")
        Store(store.root)
    assert store.repos() == []
    assert put(store, ROWS, [("a", 9)]).commit().number == 4


def test_a_drop_that_was_interrupted_is_finished_and_its_numbers_are_not_used_again(store: Store, monkeypatch):
    put(store, ROWS, [("a", 0)]).commit()
    paths = RepoPaths(store.root / "repos" / "r")
    with monkeypatch.context() as patch:
        patch.setattr(retention.shutil, "rmtree", lambda *_, **__: None)
        store.drop("r")
    newer = paths.dropped(1) / "snapshots" / f"{2:020}.json"
    newer.write_bytes(b"a commit that came before the move")
    Store(store.root)
    assert [path.name for path in (store.root / "dropped").iterdir()] == [f"r.{2:020}"]
    assert put(store, ROWS, [("a", 9)]).commit().number == 3
    store.drop("r")
    assert [path.name for path in (store.root / "dropped").iterdir()] == [f"r.{3:020}"]


def test_a_drop_is_on_the_disk_before_its_files_go(store: Store, monkeypatch):
    put(store, ROWS, [("a", 0)]).commit()
    events: list[object] = []
    monkeypatch.setattr(retention, "sync", events.extend)
    monkeypatch.setattr(retention.shutil, "rmtree", lambda folder, **_: events.append(folder))
    store.drop("r")
    assert events[:2] == [store.root / "dropped", store.root / "repos"]
    assert len(events) > 2


def test_a_path_that_is_not_utf_8_is_refused(tmp_path: Path):
    with pytest.raises(NotAllowedError, match="not UTF-8"):
        Store(tmp_path / "caf\udce9")


def test_appends_at_the_same_time_are_all_there(store: Store):
    put(store, OTHER, [("z", 0)]).commit()
    transactions = [put(store, ROWS, [(path, number) for path in "ab"], mode="append") for number in range(24)]
    for transaction in transactions:
        transaction.put(OTHER, rows([("y", 1)]), mode="append")
    with ThreadPoolExecutor(8) as threads:
        numbers = [snapshot.number for snapshot in threads.map(Transaction.commit, transactions)]
    assert sorted(numbers) == [*range(2, 26)]
    found = pairs_of(store.snapshot("r").read(ROWS))
    assert sorted(found) == [(path, number) for path in "ab" for number in range(24)]
    assert pairs_of(store.snapshot("r").read(OTHER)) == [("y", 1)] * 24 + [("z", 0)]


def test_an_append_beside_a_replacement_of_another_table_still_conflicts_there(store: Store):
    put(store, OTHER, [("z", 0)]).commit()
    late = put(store, ROWS, [("a", 1)], mode="append")
    late.put(OTHER, rows([("z", 1)]))
    put(store, ROWS, [("a", 0)], mode="append").commit()
    put(store, OTHER, [("z", 2)]).commit()
    with pytest.raises(ConflictError, match="begin again"):
        late.commit()


def test_appends_follow_what_was_removed_before(store: Store):
    put(store, ROWS, [("a", 0), ("b", 0)]).commit()
    late = put(store, ROWS, [("a", 1)], mode="append")
    gone = store.begin("r")
    gone.remove(["a"])
    gone.commit()
    assert pairs_of(late.commit().read(ROWS)) == [("a", 1), ("b", 0)]


def test_a_store_whose_creation_broke_off_can_be_created(tmp_path: Path, monkeypatch):
    def failing(*_: object) -> None:
        raise OSError(5, "an I/O error")

    with monkeypatch.context() as patch:
        patch.setattr(commit, "sync", failing)
        with pytest.raises(StorageError):
            Store(tmp_path / "new")
    put(Store(tmp_path / "new"), ROWS, [("a", 0)]).commit()
