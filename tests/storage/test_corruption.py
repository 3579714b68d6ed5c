import errno
import os
from pathlib import Path

import pytest
from stored_tables import ROWS, pairs_of, rows

from flight_server.storage import manifests
from flight_server.storage.store import Store
from flight_server.storage.store_errors import SnapshotGoneError, StorageError, StoreCorruptError


@pytest.fixture
def store(tmp_path: Path) -> Store:
    transaction = Store(tmp_path).begin("r")
    transaction.put(ROWS, rows([(f"{n // 10:03}", n) for n in range(1000)]))
    transaction.commit()
    return Store(tmp_path)


def the_file(store: Store) -> Path:
    [path] = store.root.rglob("raw/*/*/*.parquet")
    return path


def test_a_flipped_bit_anywhere_in_a_file_is_found_before_it_is_read(store: Store):
    path = the_file(store)
    good = path.read_bytes()
    for number, position in enumerate([*range(0, len(good), len(good) // 60), len(good) - 1]):
        bad = bytearray(good)
        bad[position] ^= 1 << number % 8
        path.write_bytes(bad)
        with pytest.raises(StoreCorruptError, match="damaged"):
            Store(store.root).snapshot("r").read(ROWS)


def test_a_page_that_is_damaged_after_the_first_read_is_found(store: Store):
    snapshot = store.snapshot("r")
    assert snapshot.read(ROWS).num_rows == 1000
    path = the_file(store)
    bad = bytearray(path.read_bytes())
    bad[60] ^= 1
    path.write_bytes(bad)
    with pytest.raises(StoreCorruptError):
        snapshot.read(ROWS)


@pytest.mark.parametrize("size", [0, 3, 500])
def test_a_file_cut_short_is_found(store: Store, size):
    the_file(store).write_bytes(the_file(store).read_bytes()[:size])
    with pytest.raises(StoreCorruptError):
        store.snapshot("r").read(ROWS)


def test_a_file_that_is_gone_is_a_clear_error(store: Store):
    the_file(store).unlink()
    with pytest.raises(SnapshotGoneError):
        store.snapshot("r").read(ROWS)


def test_damage_is_not_carried_into_a_new_file(store: Store):
    path = the_file(store)
    bad = bytearray(path.read_bytes())
    bad[60] ^= 1
    path.write_bytes(bad)
    transaction = store.begin("r")
    transaction.put(ROWS, rows([("x", 1)]), mode="append")
    with pytest.raises(StoreCorruptError):
        transaction.commit()
    replacing = store.begin("r")
    replacing.put(ROWS, rows([("x", 1)]))
    assert pairs_of(replacing.commit().read(ROWS)) == [("x", 1)]


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: data[:-5],
        lambda data: data[:0],
        lambda data: b"[%d]" % len(data),
        lambda data: b'{"crc32": %d}' % len(data),
        lambda data: data.replace(b'"rows": 1000', b'"rows": 1001'),
        lambda data: b"\xff" + data,
    ],
)
def test_a_damaged_manifest_is_a_clear_error(store: Store, damage):
    [path] = store.root.rglob("snapshots/*.json")
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(StoreCorruptError, match="manifest"):
        store.snapshot("r")
    assert store.repos() == ["r"]


@pytest.mark.parametrize("number", [errno.EMFILE, errno.ENOMEM, errno.EIO, errno.EACCES], ids=errno.errorcode.get)
def test_a_fault_of_the_machine_is_not_called_damage(store: Store, number, monkeypatch):
    def failing(*_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number))

    for place, name in ((manifests.Path, "read_bytes"), (manifests, "crc32")):
        with monkeypatch.context() as patch:
            patch.setattr(place, name, failing)
            with pytest.raises(StorageError, match=os.strerror(number)):
                Store(store.root).snapshot("r").read(ROWS)
    assert Store(store.root).snapshot("r").read(ROWS).num_rows == 1000
