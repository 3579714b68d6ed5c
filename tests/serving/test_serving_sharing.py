"""Several readers of a missing result: it is computed once, and a reader that leaves takes nothing from the others."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest
from serving_pipeline import Counted, names_of, put_many, put_names, service_of

from arrowdsl.plan.stopping import check_stopped
from flight_server.serving.request import Request
from flight_server.serving.stream import open_read

SLOW = 60.0


class GoneError(Exception):
    pass


class Held(Counted):
    """Kernels that wait until the test lets them go on, asking their check meanwhile."""

    def __init__(self):
        super().__init__()
        self.entered = threading.Event()
        self.released = threading.Event()
        self.stopped = threading.Event()

    def called(self, _name):
        self.entered.set()
        try:
            while not self.released.wait(0.01):
                check_stopped()
        except Exception:
            self.stopped.set()
            raise


@pytest.fixture
def held():
    return Held()


@pytest.fixture
def service(tmp_path, held):
    service = service_of(tmp_path, held)
    put_names(service, {f"m{number}.py": [("x", 1)] for number in range(4)})
    return service


def first_batch(service, dataset, gone):
    def check():
        if gone.is_set():
            raise GoneError

    with closing(open_read(service.read(Request("r", dataset)), check).batches) as batches:
        return next(batches)


@pytest.mark.parametrize("dataset", ["by_part", "of_repo", "fixpoint"])
def test_two_readers_of_one_missing_result_compute_it_once(service, held, dataset):
    with ThreadPoolExecutor(2) as threads:
        rows = [threads.submit(names_of, service, dataset) for _ in range(2)]
        assert held.entered.wait(SLOW)
        time.sleep(0.2)
        held.released.set()
        first, second = (each.result(SLOW) for each in rows)
    assert first.equals(second)
    assert held.calls[dataset] == 1


@pytest.mark.parametrize("dataset", ["by_part", "of_repo", "fixpoint"])
def test_a_reader_who_goes_away_is_free_while_a_kernel_runs_and_stops_it(service, held, dataset):
    gone = threading.Event()
    with ThreadPoolExecutor(1) as threads:
        reading = threads.submit(first_batch, service, dataset, gone)
        assert held.entered.wait(SLOW)
        gone.set()
        with pytest.raises(GoneError):
            reading.result(SLOW)
    assert held.stopped.wait(SLOW)


@pytest.mark.parametrize("dataset", ["of_repo", "fixpoint"])
def test_a_reader_who_goes_away_takes_nothing_from_another(service, held, dataset):
    gone, never = threading.Event(), threading.Event()
    with ThreadPoolExecutor(2) as threads:
        leaving = threads.submit(first_batch, service, dataset, gone)
        assert held.entered.wait(SLOW)
        staying = threads.submit(first_batch, service, dataset, never)
        time.sleep(0.2)
        gone.set()
        with pytest.raises(GoneError):
            leaving.result(SLOW)
        held.released.set()
        assert staying.result(SLOW).num_rows > 0
    assert (held.calls[dataset], held.stopped.is_set()) == (1, False)


def test_a_reader_behind_a_slow_one_does_not_wait_for_it(tmp_path):
    service = service_of(tmp_path, Counted())
    put_many(service, 8 * 64 * 1024)
    with closing(open_read(service.read(Request("r", "by_rows")), lambda: None).batches) as slow:
        next(slow)
        assert names_of(service, "by_rows").num_rows == 8 * 64 * 1024


def test_a_kernel_that_fails_fails_for_all_and_can_be_tried_again(service, held):
    class BrokenError(Exception):
        pass

    def fail(_name):
        raise BrokenError

    works, held.called = held.called, fail
    for _ in range(2):
        with pytest.raises(BrokenError):
            names_of(service, "fixpoint")
    held.called = works
    held.released.set()
    assert names_of(service, "fixpoint").num_rows == 4


@pytest.mark.parametrize(("bytes_for_four", "at_once"), [(2**30, 4), (0, 2)])
def test_small_parts_are_computed_four_at_a_time_and_large_ones_two(tmp_path, monkeypatch, bytes_for_four, at_once):
    monkeypatch.setattr("flight_server.serving.stream.SIDE_BY_SIDE_BYTES", bytes_for_four)
    held = Held()
    service = service_of(tmp_path, held)
    put_names(service, {f"m{number}.py": [("x", 1)] for number in range(200)}, files=8 * 64)
    with ThreadPoolExecutor(1) as threads:
        rows = threads.submit(names_of, service, "by_part")
        deadline = time.monotonic() + SLOW
        while held.calls["by_part"] < at_once and time.monotonic() < deadline:
            time.sleep(0.01)
        time.sleep(0.2)
        assert held.calls["by_part"] == at_once
        held.released.set()
        assert rows.result(SLOW).num_rows == 200
