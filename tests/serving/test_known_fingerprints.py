"""A restarted server finds its results without preparing a plan, and never takes another snapshot's for its own."""

from collections.abc import Iterator

import pytest
from serving_pipeline import Counted, names_of, put_names, service_of

from flight_server.serving.known_fingerprints import KnownFingerprints, installed_build
from flight_server.serving.plans import OutputPlans

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


def test_damaged_lines_are_left_out(tmp_path):
    known = KnownFingerprints(tmp_path, "build")
    known.put("f1", "a")
    known.put("f2", "b")
    path = tmp_path / "fingerprints-build"
    path.write_bytes(path.read_bytes().replace(b" f1 ", b" f3 ") + b"half a li")
    again = KnownFingerprints(tmp_path, "build")
    assert (again.get("a"), again.get("b"), again.get("c")) == (None, "f2", None)


def test_a_build_is_the_same_at_every_start():
    assert installed_build() == installed_build()
