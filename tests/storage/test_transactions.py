import os
import subprocess
import sys
import textwrap
from pathlib import Path
from threading import Event, Thread

import pyarrow as pa
import pytest
from stored_tables import LOOSE, OTHER, ROWS, pairs_of, reader, rows

from arrowdsl.errors import DataError, SchemaMismatchError
from flight_server.storage.store import Store
from flight_server.storage.store_errors import ConflictError, RowCountError, StorageError, UnknownTransactionError


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path)


def files_in(store: Store) -> list[Path]:
    return [path for path in store.root.rglob("*") if path.is_file() and path.name != "store.json"]


def committed(store: Store, value: int = 1) -> None:
    transaction = store.begin("r")
    transaction.put(ROWS, rows([("a", value)]))
    transaction.commit()


def test_a_commit_with_other_rows_than_expected_shows_nothing_and_may_be_repaired(store: Store):
    transaction = store.begin("r")
    transaction.put(ROWS, rows([("a", 1)]))
    for wrong in ({"rows": 2}, {}, {"rows": 1, "other": 5}):
        with pytest.raises(RowCountError, match="expected"):
            transaction.commit(wrong)
    assert store.repos() == []
    transaction.put(ROWS, rows([("a", 1), ("a", 2)]))
    assert transaction.commit({"rows": 2, "other": 0}).rows("rows") == 2


def test_a_second_replace_replaces_the_first_and_append_adds(store: Store):
    transaction = store.begin("r")
    for value in (1, 2):
        transaction.put(ROWS, rows([("a", value)]))
    transaction.put(ROWS, rows([("a", 3)]), mode="append")
    assert pairs_of(transaction.commit({"rows": 2}).read(ROWS)) == [("a", 2), ("a", 3)]


def test_abort_leaves_no_file(store: Store):
    transaction = store.begin("r")
    transaction.put(ROWS, rows([("a", 1)]))
    transaction.abort()
    transaction.abort()
    assert files_in(store) == []
    for call in (
        lambda: transaction.put(ROWS, rows([])),
        transaction.commit,
        lambda: store.transaction(transaction.id),
    ):
        with pytest.raises(UnknownTransactionError):
            call()


def test_a_put_that_fails_leaves_the_earlier_one_and_what_is_stored(store: Store):
    committed(store)

    def broken():
        yield from rows([("a", 7)]).to_batches()
        raise ConnectionError("the client is gone")

    transaction = store.begin("r")
    transaction.put(ROWS, rows([("a", 2)]))
    for mode in ("replace", "append", "files"):
        with pytest.raises(ConnectionError):
            transaction.put(ROWS, reader(ROWS.plain_schema, broken()), mode=mode)
    assert pairs_of(store.snapshot("r").read(ROWS)) == [("a", 1)]
    assert pairs_of(transaction.commit({"rows": 1}).read(ROWS)) == [("a", 2)]


def test_a_check_that_raises_stops_a_put(store: Store):
    calls = []

    def check():
        calls.append(1)
        if len(calls) == 3:
            raise InterruptedError

    batches = rows([("a", n) for n in range(100)]).to_batches(max_chunksize=1)
    with pytest.raises(InterruptedError):
        store.begin("r").put(ROWS, reader(ROWS.plain_schema, batches), check=check)
    assert files_in(store) == []


def test_different_tables_are_put_side_by_side_and_the_same_one_is_not(store: Store):
    transaction = store.begin("r")
    started, go_on = Event(), Event()

    def slow():
        started.set()
        assert go_on.wait(60)
        yield from rows([("a", 1)]).to_batches()

    thread = Thread(target=transaction.put, args=(ROWS, reader(ROWS.plain_schema, slow())))
    thread.start()
    assert started.wait(60)
    transaction.put(OTHER, rows([("b", 2)]))
    with pytest.raises(ConflictError, match="another put of rows"):
        transaction.put(ROWS, rows([]))
    with pytest.raises(ConflictError, match="still running: rows"):
        transaction.commit()
    go_on.set()
    thread.join()
    assert transaction.commit({"rows": 1, "other": 1}).tables() == {"other": 1, "rows": 1}


def test_abort_stops_a_running_put_and_leaves_no_file(store: Store):
    transaction = store.begin("r")

    def aborting():
        for number in range(50):
            if number == 3:
                transaction.abort()
            yield from rows([("a", number)]).to_batches()

    with pytest.raises(UnknownTransactionError, match="has ended"):
        transaction.put(ROWS, reader(ROWS.plain_schema, aborting()))
    assert files_in(store) == []


def test_an_idle_transaction_expires(tmp_path: Path):
    store = Store(tmp_path, idle=0.0)
    transaction = store.begin("r")
    transaction.put(ROWS, rows([("a", 1)]))
    with pytest.raises(UnknownTransactionError, match="expired"):
        store.transaction(transaction.id)
    assert files_in(store) == []


def test_an_unknown_mode_is_refused(store: Store):
    with pytest.raises(DataError, match="allowed: replace, append, files"):
        store.begin("r").put(ROWS, rows([]), mode="upsert")


def test_a_table_that_does_not_fit_is_refused(store: Store):
    transaction = store.begin("r")
    with pytest.raises(SchemaMismatchError):
        transaction.put(ROWS, pa.table({"value": [1]}))
    with pytest.raises(SchemaMismatchError):
        transaction.put(LOOSE, pa.table({"value": ["no number"]}))


LIMITED = """
    import resource, sys
    from pathlib import Path
    import pyarrow as pa
    from flight_server.storage.store_errors import StorageError
    from flight_server.storage.store import Store
    from stored_tables import LOOSE
    store = Store(Path(sys.argv[1]))
    transaction = store.begin("r")
    resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))  # as a full disk does: writes fail from here on
    try:
        transaction.put(LOOSE, pa.table({"value": [n * n * 7919 % 1000003 for n in range(300_000)]}))
    except StorageError as error:
        print(error.code, error.message)
"""


def test_a_full_disk_is_a_clear_error_and_leaves_nothing(store: Store):
    committed(store)
    before = files_in(store)
    run = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(LIMITED), str(store.root)],
        capture_output=True,
        text=True,
        check=True,
        env={
            **os.environ,
            "PYTHONPATH": os.pathsep.join(path for path in [str(Path(__file__).parent), *sys.path] if path),
        },
    )
    assert run.stdout.startswith("storage_error ")
    assert str(store.root) not in run.stdout
    assert run.stderr == ""
    assert files_in(store) == before


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_store_is_a_clear_error(store: Store):
    committed(store)
    (store.root / "repos" / "r").chmod(0o500)
    with pytest.raises(StorageError):
        store.begin("r").put(ROWS, rows([("a", 1)]))
