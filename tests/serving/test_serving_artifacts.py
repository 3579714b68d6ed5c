"""Results are cached, found again while their inputs are the same, and never trusted more than their checksums."""

import gc
import shutil
import time
from contextlib import closing
from pathlib import Path

import pytest
from serving_pipeline import NAMES, Counted, names_of, put_many, put_names, service_of

from flight_server.serving.explain import explain
from flight_server.serving.request import Request
from flight_server.serving.service import Capacity
from flight_server.serving.stream import open_read

PARTS_4 = 4 * 64
FILES = [f"m{number}.py" for number in range(40)]


@pytest.fixture
def counted():
    return Counted()


@pytest.fixture
def service(tmp_path, counted):
    service = service_of(tmp_path, counted)
    put_names(service, {path: [("x", 1), ("y", 2)] for path in FILES}, files=PARTS_4)
    return service


def wait_for(condition):
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def artifacts(tmp_path):
    return sorted(path.name for path in (tmp_path / "artifacts").rglob("*") if path.is_file())


def test_a_part_is_computed_once(service, counted):
    first = names_of(service, "by_part")
    assert counted.calls["by_part"] == 4
    assert names_of(service, "by_part").equals(first)
    assert counted.calls["by_part"] == 4


def test_it_is_found_again_by_another_process(service, counted, tmp_path):
    first = names_of(service, "by_part")
    assert names_of(service_of(tmp_path, counted), "by_part").equals(first)
    assert counted.calls["by_part"] == 4


def test_a_narrowed_read_caches_nothing_but_reads_cached_results(service, counted, tmp_path):
    wanted = names_of(service, "by_part", columns=("name",))
    assert (counted.calls["by_part"], artifacts(tmp_path)) == (4, [])
    names_of(service, "by_part")
    assert names_of(service, "by_part", columns=("name",)).equals(wanted)
    assert counted.calls["by_part"] == 8


def test_a_read_that_is_broken_off_while_it_is_computed_leaves_nothing(service, counted, tmp_path):
    class BrokenOffError(Exception):
        pass

    def break_off(_name):
        raise BrokenOffError

    counted.called = break_off
    with pytest.raises(BrokenOffError):
        names_of(service, "by_part")
    wait_for(lambda: artifacts(tmp_path) == [])
    del counted.called
    assert names_of(service, "by_part").num_rows == 2 * len(FILES)
    assert len(artifacts(tmp_path)) == 4


def test_no_descriptor_of_a_cached_result_stays_open(service):
    def open_files():
        return [str(each.resolve()) for each in Path("/proc/self/fd").iterdir()]

    if not Path("/proc/self/fd").is_dir():
        pytest.skip("the system does not list a process's files")
    gc.disable()
    try:
        for dataset in ("by_part", "of_repo", "fixpoint", "by_part_and_repo"):
            for _ in range(2):
                names_of(service, dataset)
                names_of(service, dataset, columns=("name",))
                explain(service.read(Request("r", dataset)))
        wait_for(lambda: not [name for name in open_files() if ".arrow" in name or ".draft" in name])
    finally:
        gc.enable()


@pytest.mark.parametrize("dataset", ["of_repo", "fixpoint", "by_part_and_repo"])
def test_a_result_that_the_disk_refuses_is_computed_once_all_the_same(service, tmp_path, counted, dataset):
    (tmp_path / "artifacts").rmdir()
    (tmp_path / "artifacts").write_text("no folder")
    first = names_of(service, dataset)
    calls = counted.calls.total()
    assert first.num_rows > 0
    assert names_of(service, dataset).equals(first)
    assert counted.calls.total() == calls


def test_an_edit_recomputes_its_own_part(service, counted):
    names_of(service, "by_part")
    put_names(service, {FILES[0]: [("x", 1), ("z", 3)]}, mode="files")
    names_of(service, "by_part")
    assert counted.calls["by_part"] == 5


def test_an_edit_that_moves_offsets_only_recomputes_no_fixpoint_and_no_other_part(service, counted):
    before = names_of(service, "by_part_and_repo")
    assert (counted.calls["by_part_and_repo"], counted.calls["of_repo"], counted.calls["fixpoint"]) == (4, 1, 1)
    put_names(service, {FILES[0]: [("x", 101), ("y", 102)]}, mode="files")
    after = names_of(service, "by_part_and_repo")
    assert (counted.calls["by_part_and_repo"], counted.calls["of_repo"], counted.calls["fixpoint"]) == (5, 1, 1)
    assert after.drop_columns(["bstart"]).equals(before.drop_columns(["bstart"]))


def test_an_edit_that_changes_what_the_repo_has_recomputes_what_refers_to_it(service, counted):
    names_of(service, "by_part_and_repo")
    put_names(service, {FILES[0]: [("new", 1), ("y", 2)]}, mode="files")
    after = names_of(service, "by_part_and_repo")
    assert (counted.calls["by_part_and_repo"], counted.calls["of_repo"], counted.calls["fixpoint"]) == (8, 2, 2)
    assert set(after["repo_names"].to_pylist()) == {3}


def test_a_fixpoint_gives_each_part_its_own_rows(service, counted):
    whole = names_of(service, "fixpoint")
    pieces = [names_of(service, "fixpoint", parts=(part,)) for part in range(4)]
    assert sorted(whole["path"].to_pylist()) == sorted(path for path in FILES for _ in range(2))
    assert [row for piece in pieces for row in piece.to_pylist()] == whole.to_pylist()
    assert counted.calls["fixpoint"] == 1


def test_a_filter_gives_the_same_rows_from_a_cached_result(service):
    def x_rows():
        return names_of(service, "by_part", where=NAMES["is_x"])

    computed = x_rows()
    names_of(service, "by_part")
    assert x_rows().equals(computed)
    assert computed["name"].unique().to_pylist() == ["x"]


def flip(path, place):
    data = bytearray(path.read_bytes())
    data[place] ^= 0xFF
    path.write_bytes(data)


@pytest.mark.parametrize("dataset", ["by_part", "of_repo", "fixpoint", "by_part_and_repo"])
def test_damage_is_never_served(tmp_path, dataset):
    service = service_of(tmp_path, Counted())
    put_names(service, {path: [("x", 1), ("y", 2)] for path in FILES[:8]})
    wanted = names_of(service, dataset)
    for place in range(8, 2400, 60):
        for path in (tmp_path / "artifacts").glob("*/*"):
            flip(path, min(place, path.stat().st_size - 1))
        assert names_of(service, dataset).equals(wanted)


@pytest.mark.parametrize("dataset", ["by_part", "of_repo", "fixpoint", "by_part_and_repo"])
def test_artifacts_may_be_deleted_at_any_time(service, tmp_path, dataset):
    wanted = names_of(service, dataset)
    shutil.rmtree(tmp_path / "artifacts")
    assert names_of(service, dataset).equals(wanted)


def test_the_cache_stays_within_its_size(tmp_path, counted):
    service = service_of(tmp_path, counted, Capacity(cache_bytes=6000))
    put_names(service, {path: [("x", 1), ("y", 2)] for path in FILES}, files=PARTS_4)
    wanted = names_of(service, "by_part")
    assert sum(path.stat().st_size for path in (tmp_path / "artifacts").rglob("*.arrow")) <= 6000
    assert names_of(service, "by_part").equals(wanted)


@pytest.mark.parametrize("dataset", ["of_repo", "fixpoint", "by_part_and_repo"])
def test_without_room_for_artifacts_results_are_right(tmp_path, counted, dataset):
    service = service_of(tmp_path, counted, Capacity(cache_bytes=0))
    put_names(service, {path: [("x", 1)] for path in FILES}, files=PARTS_4)
    assert names_of(service, dataset).num_rows > 0
    assert artifacts(tmp_path) == []


def test_where_nothing_can_be_written_the_rows_come_all_the_same(service, tmp_path, counted):
    first = names_of(service, "by_part")
    shutil.rmtree(tmp_path / "artifacts")
    (tmp_path / "artifacts").write_text("no folder")
    assert names_of(service, "by_part").equals(first)
    again = service_of(tmp_path, counted)
    assert names_of(again, "by_part").equals(first)
    assert counted.calls["by_part"] == 12


def test_a_folder_that_somebody_deletes_costs_no_rows(service, tmp_path):
    put_many(service, 6 * 64 * 1024)
    with closing(open_read(service.read(Request("r", "by_rows")), lambda: None).batches) as batches:
        rows = next(batches).num_rows
        shutil.rmtree(tmp_path / "artifacts")
        rows += sum(batch.num_rows for batch in batches)
    assert rows == names_of(service, "by_rows").num_rows


def test_dropping_a_repo_frees_its_cached_results(service, tmp_path):
    names_of(service, "by_part")
    assert artifacts(tmp_path)
    service.drop("r")
    assert artifacts(tmp_path) == []
