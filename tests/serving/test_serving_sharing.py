"""Several readers of what is missing: it is computed once, and whoever goes away takes nothing from the others."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest
from serving_pipeline import Counted, names_of, put_many, put_names, service_of

from arrowdsl.plan.stopping import check_stopped
from flight_server.serving.read import open_read
from flight_server.serving.request import Request

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
