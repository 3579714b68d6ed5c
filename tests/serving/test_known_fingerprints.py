"""A restarted server finds its results without preparing a plan, and never takes another snapshot's for its own."""

from collections.abc import Iterator

import pytest
from serving_pipeline import Counted, names_of, put_names, service_of

from flight_client.contracts.ids import part_of_path
from flight_server.serving.known_fingerprints import KnownFingerprints, installed_build
from flight_server.serving.plans import OutputPlans
from flight_server.serving.request import Request

FILES = {f"m{number}.py": [("x", 1), ("y", 2)] for number in range(40)}
OUTPUTS = ("by_part", "of_repo", "fixpoint", "by_part_and_repo")


@pytest.fixture
def refused(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No plan can be prepared."""

    def refuse(*_: object) -> None:
        raise AssertionError("a plan is prepared")

    monkeypatch.setattr(OutputPlans, "prepared", refuse)
    return monkeypatch


def of_another_process(tmp_path, build):
    return service_of(tmp_path, Counted(), build=build)


@pytest.mark.parametrize("dataset", OUTPUTS)
def test_a_restarted_server_prepares_no_plan_for_a_cached_result(tmp_path, request, dataset):
    service = of_another_process(tmp_path, "one")
    put_names(service, FILES, files=4 * 64)
    rows = names_of(service, dataset)
    again, other = of_another_process(tmp_path, "one"), of_another_process(tmp_path, "two")
    request.getfixturevalue("refused")
    assert names_of(again, dataset).equals(rows)
    with pytest.raises(AssertionError, match="a plan is prepared"):
        names_of(other, dataset)


@pytest.mark.parametrize("build", [None, "one"])
@pytest.mark.parametrize("dataset", OUTPUTS)
def test_a_repo_that_was_dropped_leaves_nothing_to_one_of_its_name(tmp_path, build, dataset):
    service = of_another_process(tmp_path, build)
    put_names(service, FILES)
    before = names_of(service, dataset)
    service.store.drop("r")
    put_names(service, {"other.py": [("z", 3)]})
    after = names_of(service, dataset)
    assert after.num_rows < before.num_rows
    assert after["name"].to_pylist() == ["z"]


def test_to_ask_whether_a_piece_is_cached_computes_nothing(tmp_path):
    counted = Counted()
    service = service_of(tmp_path, counted)
    put_names(service, FILES)
    read = service.read(Request("r", "by_part_and_repo"))
    [piece] = read.pieces()
    assert read.results.known_fingerprint(piece) is None
    assert read.results.cached(piece, prepare=True) is None
    assert not counted.calls
    rows = names_of(service, "by_part_and_repo")
    assert read.results.known_fingerprint(piece) == read.results.fingerprint(piece)
    assert read.results.cached(piece).rows == rows.num_rows


def test_a_result_that_an_edit_leaves_valid_is_found_once_plans_are_prepared(tmp_path):
    service = service_of(tmp_path, Counted())
    put_names(service, FILES, files=4 * 64)
    names_of(service, "by_part")
    put_names(service, {**FILES, "m0.py": [("x", 5)]}, files=4 * 64)
    read = service.read(Request("r", "by_part"))
    edited = part_of_path("r", "m0.py", read.snapshot.parts)
    assert not any(read.results.cached(piece) for piece in read.pieces())
    found = [piece.part for piece in read.pieces() if read.results.cached(piece, prepare=True)]
    assert found == [part for part in read.parts if part != edited]


def test_damaged_lines_are_left_out(tmp_path):
    known = KnownFingerprints(tmp_path, "build")
    known.put("f1", "a")
    known.put("f2", "b")
    path = tmp_path / ".fingerprints-build"
    path.write_bytes(path.read_bytes().replace(b" f1 ", b" f3 ") + b"half a li")
    again = KnownFingerprints(tmp_path, "build")
    assert (again.get("a"), again.get("b"), again.get("c")) == (None, "f2", None)


def test_a_build_is_the_same_at_every_start():
    assert installed_build() == installed_build()
