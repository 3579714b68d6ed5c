"""Streams computed ahead of their reader: a few at once, each in a thread of its own, delivered one after another.

A thread stops when two of its batches wait to be taken, so memory is bounded by the number of threads. The reader's
own thread only waits, and asks its check while it does: it is free at once when its client goes away.
"""

from collections import deque
from collections.abc import Callable, Iterator
from contextlib import closing
from queue import Empty, Full, Queue

import pyarrow as pa

from arrowdsl.plan.batches import Batches
from arrowdsl.plan.stopping import Check, check_stopped
from flight_server.serving.computations import POLL_SECONDS, Running

WAITING_BATCHES = 2
Opening = Callable[[], Batches]


def in_order(streams: Iterator[Opening], check: Check, width: int) -> Batches:
    """The batches of the streams, in their order; ``width`` of them run at once. What ``check`` raises ends all."""
    lanes: deque[_Lane] = deque()
    try:
        for opening in streams:
            lanes.append(_Lane(opening))
            if len(lanes) == width:
                yield from lanes[0].batches(check)
                lanes.popleft()
        while lanes:
            yield from lanes[0].batches(check)
            lanes.popleft()
    finally:
        for lane in lanes:
            lane.abandon()


class _Lane:
    def __init__(self, opening: Opening) -> None:
        self._waiting: Queue[pa.RecordBatch | None] = Queue(WAITING_BATCHES)
        self._running = Running.start(lambda: self._fill(opening))

    def batches(self, check: Check) -> Iterator[pa.RecordBatch]:
        """The batches as they come; raises what the stream raised behind those that came before."""
        while True:
            check()
            try:
                batch = self._waiting.get(timeout=POLL_SECONDS)
            except Empty:
                if self._running.future.done() and self._waiting.empty():
                    self._running.future.result()
                    return
                continue
            if batch is None:
                return
            yield batch

    def abandon(self) -> None:
        self._running.abandoned.set()

    def _fill(self, opening: Opening) -> None:
        with closing(opening()) as batches:
            for batch in batches:
                self._put(batch)
        self._put(None)

    def _put(self, batch: pa.RecordBatch | None) -> None:
        while True:
            check_stopped()
            try:
                self._waiting.put(batch, timeout=POLL_SECONDS)
            except Full:
                continue
            return
