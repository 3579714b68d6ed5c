"""Lookups without a server: the keys that are held, and the parts that they open."""

import pyarrow as pa
import pytest
from serving_store import DEMO, ingested, rows_of, service_over

from arrowdsl.compute.expr import Column, Keys
from arrowdsl.errors import SchemaMismatchError
from flight_server.serving.lookup import distinct_keys
from flight_server.serving.read import Read
from flight_server.serving.request import Request
from flight_server.serving.request_errors import TooManyKeysError

FILES_FOR_16_PARTS = 16 * 64
KEYS = pa.array([f"k{number:06}" for number in range(10_000)])


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    service = service_over(tmp_path_factory.mktemp("store"))
    service.store.begin("demo", files=FILES_FOR_16_PARTS).commit({})
    ingested(service, DEMO)
    return service


def looked_up(service, dataset: str, key: str, values: list[str]) -> Read:
    read = service.read(Request("demo", dataset))
    return read.among(Column(key).is_in(Keys(pa.array(values))))


@pytest.mark.parametrize("key", ["path", "file_id"])
def test_keys_that_decide_the_part_open_no_other(demo, key):
    rows = rows_of(demo, "cst_callsites").to_pylist()
    some = sorted({row[key] for row in rows})[:2]
    homes = {
        part
        for part in demo.read(Request("demo", "cst_callsites")).parts
        if set(some) & set(rows_of(demo, "cst_callsites", parts=(part,))[key].to_pylist())
    }
    assert set(looked_up(demo, "cst_callsites", key, some).parts) == homes


def test_other_keys_may_be_anywhere(demo):
    every = demo.read(Request("demo", "cst_callsites")).parts
    assert len(every) > 1
    assert looked_up(demo, "cst_callsites", "call_id", ["x"]).parts == every


def test_repeated_keys_cost_nothing():
    assert distinct_keys([KEYS] * 500, pa.string(), 2 * KEYS.nbytes).equals(KEYS)


def test_the_bound_is_on_distinct_keys():
    with pytest.raises(TooManyKeysError, match="look up fewer"):
        distinct_keys([KEYS], pa.string(), KEYS.nbytes // 2)


def test_a_bounded_number_of_keys_is_taken_before_the_refusal():
    taken = []

    def endless():
        while True:
            taken.append(len(taken))
            yield pa.array([f"{len(taken)}-{number}" for number in range(1000)])

    with pytest.raises(TooManyKeysError):
        distinct_keys(endless(), pa.string(), 100_000)
    assert len(taken) < 50


def test_nulls_are_no_keys():
    assert distinct_keys([pa.array(["a", None, "a"])], pa.string()).to_pylist() == ["a"]
    assert distinct_keys([pa.array([None, None])], pa.int64()).to_pylist() == []


def test_text_is_never_read_as_a_number():
    with pytest.raises(SchemaMismatchError, match="the keys are string, the column is int64"):
        distinct_keys([pa.array(["1"])], pa.int64())
