"""Outputs that were read are computed in the background: once for several commits, and whatever fails."""

import threading

import pytest

from flight_server.serving.warming import Warming

SECONDS = 30


def test_commits_that_come_while_it_computes_are_one_more_pass():
    started, go_on, passes = threading.Semaphore(0), threading.Event(), []

    def read(repo, dataset, check):
        passes.append((repo, dataset))
        started.release()
        go_on.wait(SECONDS)
        check()
        return iter(())

    warming = Warming(read, enabled=True)
    warming.request("r", ["a"])
    assert started.acquire(timeout=SECONDS)
    for _ in range(50):
        warming.request("r")
    go_on.set()
    assert started.acquire(timeout=SECONDS)
    warming.request("s", ["b"])
    assert started.acquire(timeout=SECONDS)
    warming.stop()
    assert passes == [("r", "a"), ("r", "a"), ("s", "b")]


@pytest.mark.parametrize("error", [OSError(5, "an I/O error"), MemoryError()])
def test_a_failure_does_not_end_it(error):
    done = threading.Event()

    def read(_repo, dataset, _check):
        if dataset == "a":
            raise error
        done.set()
        return iter(())

    warming = Warming(read, enabled=True)
    warming.request("r", ["a", "b"])
    assert done.wait(SECONDS)
    warming.stop()


def test_it_computes_nothing_unless_it_is_enabled():
    warming = Warming(lambda *_: pytest.fail("nothing is read"), enabled=False)
    warming.request("r", ["a"])
    warming.stop()
