"""One budget of memory for streams and computations; a result is counted once, however many readers wait for it."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from serving_pipeline import Counted, names_of, put_names, service_of

from flight_server.serving.limits import BusyError, Limits, MemoryBudget
from flight_server.serving.request import Request
from flight_server.serving.service import Capacity
from flight_server.serving.stream import STREAM_BYTES, WAITING_BYTES, stream_bytes

SOON = 0.1
LONG = 60.0


def never():
    """The check of a reader that stays."""


def budget(memory=100, seconds=SOON, **limits):
    return MemoryBudget(Limits(memory=memory, wait_seconds=seconds, **limits))


def test_two_computations_that_do_not_fit_together_run_one_after_the_other():
    shared = budget(seconds=LONG)
    started, running = threading.Event(), []

    def second():
        with shared.computation(60, never):
            running.append(1)
            started.set()

    with ThreadPoolExecutor(1) as threads:
        with shared.computation(60, never):
            threads.submit(second)
            assert not started.wait(SOON)
        assert started.wait(LONG)


def test_a_stream_waits_beside_a_computation_that_takes_all_memory():
    shared = budget()
    with (
        shared.computation(1000, never),
        shared.stream(10, never),
        pytest.raises(BusyError, match="1 computations run"),
        shared.stream(30, never),
    ):
        pass


def test_a_large_computation_leaves_the_streams_their_share():
    shared = budget()
    with shared.computation(1000, never), shared.stream(20, never), shared.stream(5, never):
        pass
    with (
        shared.computation(1000, never),
        shared.stream(25, never),
        pytest.raises(BusyError),
        shared.stream(5, never),
    ):
        pass


def test_results_that_are_held_in_memory_count():
    shared = MemoryBudget(Limits(memory=100, wait_seconds=SOON), lambda: 80)
    with shared.stream(25, never), pytest.raises(BusyError), shared.stream(10, never):
        pass


def test_streams_do_not_keep_the_first_computation_from_starting():
    shared = budget()
    with shared.stream(100, never), shared.computation(50, never):
        pass


def test_a_computation_lends_its_room_to_those_that_it_waits_for():
    shared = budget(seconds=LONG)

    def second():
        with shared.computation(90, never):
            return True

    with ThreadPoolExecutor(1) as threads, shared.computation(90, never), shared.lent():
        assert threads.submit(second).result(LONG)


def test_a_computation_ends_its_wait_when_its_check_says_so():
    class GoneError(Exception):
        pass

    def gone():
        raise GoneError

    shared = budget()

    def second():
        with shared.computation(90, gone):
            pass

    with ThreadPoolExecutor(1) as threads, shared.computation(90, never), pytest.raises(GoneError):
        threads.submit(second).result(LONG)


def test_a_stream_counts_the_batches_that_wait_for_it(tmp_path):
    service = service_of(tmp_path, Counted())
    put_names(service, {f"m{number}.py": [("x", 1)] for number in range(40)}, files=4 * 64)

    def counted(dataset):
        return stream_bytes(service.read(Request("r", dataset)))

    assert counted("cst_name_refs") == STREAM_BYTES
    assert counted("by_part") == STREAM_BYTES + 4 * WAITING_BYTES
    names_of(service, "by_part", parts=(0, 1))
    assert counted("by_part") == STREAM_BYTES + 2 * WAITING_BYTES
    names_of(service, "by_part")
    assert counted("by_part") == STREAM_BYTES


def test_many_readers_of_one_large_result_are_all_served(tmp_path):
    counted = Counted()
    service = service_of(tmp_path, counted, Capacity(Limits(memory=64 * 1024 * 1024, wait_seconds=5)))
    put_names(service, {f"m{number}.py": [("x", 1)] for number in range(4)})
    with ThreadPoolExecutor(16) as threads:
        rows = list(threads.map(lambda _: names_of(service, "fixpoint").num_rows, range(16)))
    assert (rows, counted.calls["fixpoint"]) == ([4] * 16, 1)
