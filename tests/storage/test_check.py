"""The check of a store finds every fault, and the repair leaves a store that checks clean."""

import errno
import os
from pathlib import Path

import pytest
from stored_tables import LOOSE, OTHER, ROWS, forget_hints, pairs_of, reader, rows

from flight_client.contracts.ids import part_of_path
from flight_server.storage import manifests
from flight_server.storage.artifacts import ArtifactStore
from flight_server.storage.check import check_repo, repair_repo
from flight_server.storage.paths import RepoPaths
from flight_server.storage.store import Store
from flight_server.storage.store_errors import StorageError, StoreVersionError


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store = Store(tmp_path)
    for value in range(3):
        committed(store, value)
    return store


def committed(store: Store, value: int):
    transaction = store.begin("r", files=128)
    transaction.put(ROWS, rows([(path, value) for path in "abcdef"]))
    transaction.put(OTHER, rows([(path, 0) for path in "abcdef"]))
    transaction.put(LOOSE, reader(LOOSE.plain_schema, rows([("x", value)]).select(["value"]).to_batches()))
    return transaction.commit()


def repo(store: Store) -> RepoPaths:
    return RepoPaths(store.root / "repos" / "r")


def checked(store: Store):
    forget_hints()
    return check_repo(repo(store), ArtifactStore(store.root / "artifacts"))


def repaired(store: Store) -> str:
    forget_hints()
    return " ".join(repair_repo(repo(store), ArtifactStore(store.root / "artifacts")))


def faults(found) -> list[tuple[str, str]]:
    return sorted((each.fault, Path(each.file).name) for each in found.findings)


def flipped(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 4
    path.write_bytes(data)


def files_of(store: Store, number: int, table: str) -> list[Path]:
    entries = store.snapshot("r", number).manifest.tables[table].files.values()
    return [repo(store).folder / entry.file for entry in entries]


def test_a_sound_store_is_clean_and_a_repair_changes_nothing(store: Store):
    before = {path: path.stat().st_mtime_ns for path in repo(store).folder.rglob("*")}
    found = checked(store)
    assert (found.findings, found.listed, found.whole, found.is_clean) == ((), (1, 2, 3), (1, 2, 3), True)
    assert repaired(store) == ""
    assert {path: path.stat().st_mtime_ns for path in repo(store).folder.rglob("*")} == before


def test_a_damaged_file_of_the_newest_snapshot_goes_back_to_the_newest_whole_one(store: Store):
    [path, *_] = files_of(store, 3, "rows")
    flipped(path)
    found = checked(store)
    assert faults(found) == [("damaged", path.name)]
    assert (found.whole, found.is_clean) == ((1, 2), False)
    assert "snapshot 4 is a copy of snapshot 2" in repaired(store)
    assert checked(store).is_clean
    assert checked(store).findings == ()
    assert pairs_of(Store(store.root).snapshot("r").read(ROWS)) == pairs_of(store.snapshot("r", 2).read(ROWS))
    assert committed(store, 9).number == 5


@pytest.mark.parametrize(
    "damage", [flipped, Path.unlink, lambda path: path.write_bytes(b"")], ids=["bit", "gone", "cut"]
)
def test_a_damaged_manifest_goes_back_to_the_snapshot_before(store: Store, damage):
    rows_before = pairs_of(store.snapshot("r", 2).read(ROWS))
    damage(repo(store).manifest(3))
    assert not checked(store).is_clean
    assert "snapshot 4 is a copy of snapshot 2" in repaired(store)
    for opened in (store, Store(store.root)):
        assert opened.snapshot("r").number == 4
        assert pairs_of(opened.snapshot("r").read(ROWS)) == rows_before
    assert checked(store).is_clean
    assert committed(store, 9).number == 5


def test_damage_in_an_older_snapshot_deletes_that_one(store: Store):
    [path, *_] = files_of(store, 1, "rows")
    flipped(path)
    assert checked(store).whole == (2, 3)
    assert "damaged snapshots were deleted: 1" in repaired(store)
    found = checked(store)
    assert (found.findings, found.listed, found.whole) == ((), (2, 3), (2, 3))
    assert store.snapshot("r").number == 3


def test_damage_in_every_snapshot_removes_the_part_from_all_tables_by_file(store: Store):
    [shared, *_] = files_of(store, 3, "other")
    assert shared in files_of(store, 1, "other")
    shared.unlink()
    assert [fault for fault, _ in faults(checked(store))] == ["missing"]
    lost = int(shared.parent.name)
    assert f"without the damaged parts (other/{lost})" in repaired(store)
    snapshot = Store(store.root).snapshot("r")
    left = {path for path in "abcdef" if part_of_path("r", path, 2) != lost}
    assert 0 < len(left) < 6
    for table in (ROWS, OTHER):
        assert {path for path, _ in pairs_of(snapshot.read(table))} == left
    assert snapshot.rows("loose") == 1
    assert checked(store).is_clean


def test_files_that_nobody_needs_are_found_and_deleted_and_those_of_others_are_left(store: Store):
    spare = repo(store).raw / "rows" / "0" / "spare.parquet"
    spare.write_bytes(bytes(1000))
    strays = [repo(store).folder / ".DS_Store", repo(store).raw / ".DS_Store", repo(store).manifest(10**20 - 1)]
    for stray in strays:
        stray.touch()
    assert faults(checked(store)) == sorted(
        [("unreferenced", spare.name), *(("foreign", path.name) for path in strays)]
    )
    assert checked(store).is_clean
    assert "1000 bytes" in repaired(store)
    assert not spare.exists()
    assert all(stray.exists() for stray in strays)


def test_the_files_of_a_running_commit_are_not_reported(store: Store):
    transaction = store.begin("r")
    transaction.put(ROWS, rows([("a", 7)]))
    [staged] = repo(store).staging.rglob("*.parquet")
    (repo(store).raw / "rows" / "0" / "linked.parquet").hardlink_to(staged)
    assert checked(store).findings == ()
    assert repaired(store) == ""


def test_without_any_manifest_the_way_out_is_named(store: Store):
    for number in (1, 2, 3):
        flipped(repo(store).manifest(number))
    assert "drop the repo and ingest it again" in repaired(store)
    store.drop("r")
    assert store.repos() == []


@pytest.mark.parametrize("place", ["a stored file", "a manifest"])
def test_a_fault_of_the_machine_ends_the_check_and_a_repair_deletes_nothing(store: Store, monkeypatch, place):
    before = sorted(repo(store).folder.rglob("*"))

    def failing(*_: object, **__: object) -> None:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    with monkeypatch.context() as patch:
        patch.setattr(*((manifests, "crc32") if place == "a stored file" else (manifests, "_read")), failing)
        for call in (checked, repaired):
            with pytest.raises(StorageError, match=os.strerror(errno.EMFILE)):
                call(store)
    assert sorted(repo(store).folder.rglob("*")) == before
    assert checked(store).is_clean


def test_snapshots_of_a_newer_program_are_not_called_damaged(store: Store, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(manifests, "READER_VERSION", 2)
        committed(store, 9)
    before = sorted(repo(store).folder.rglob("*"))
    for call in (checked, repaired):
        with pytest.raises(StoreVersionError, match="update flight-server"):
            call(store)
    assert sorted(repo(store).folder.rglob("*")) == before
