"""Streams computed ahead of their reader: a few at once, each in a thread of its own, delivered one after another.

A thread stops when WAITING_BYTES of its batches wait to be taken, so memory is bounded by the number of threads. The
reader's own thread only waits, and asks its check while it does: it is free at once when its client goes away. What
need not be computed it reads itself, when its turn has come: to hand it over would cost more than to read it.
"""

from collections import deque
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from threading import Condition

import pyarrow as pa

from arrowdsl.plan.batches import Batches
from arrowdsl.plan.stopping import Check, check_stopped, stopped_by
from flight_server.serving.computations import POLL_SECONDS, Running

WAITING_BYTES = 8 * 1024 * 1024  # what a slow reader holds of each of two parts; of fewer, one would wait for the other


@dataclass(frozen=True)
class Opening:
    """A stream that is not open yet; the rows of one that ``is_stored`` are read, not computed."""

    open: Callable[[], Batches]
    is_stored: bool = False


def in_order(streams: Iterator[Opening], check: Check, width: int) -> Batches:
    """The batches of the streams, in their order; ``width`` of them run at once. What ``check`` raises ends all."""
    lanes: deque[_Lane | _Here] = deque()
    try:
        for opening in streams:
            lanes.append(_Here(opening) if opening.is_stored else _Lane(opening))
            if len(lanes) == width:
                yield from lanes[0].batches(check)
                lanes.popleft()
        while lanes:
            yield from lanes[0].batches(check)
            lanes.popleft()
    finally:
        for lane in lanes:
            lane.abandon()


@dataclass(frozen=True)
class _Here:
    opening: Opening

    def batches(self, check: Check) -> Iterator[pa.RecordBatch]:
        """The batches, each read when it is asked for."""
        with closing(self.opening.open()) as batches:
            while True:
                with stopped_by(check):
                    batch = next(batches, None)
                if batch is None:
                    return
                yield batch

    def abandon(self) -> None:
        """Nothing runs unless it is asked for."""


class _Lane:
    def __init__(self, opening: Opening) -> None:
        self._waiting: deque[pa.RecordBatch] = deque()
        self._bytes = 0
        self._changed = Condition()
        self._running = Running.start(lambda: self._fill(opening))
        self._running.future.add_done_callback(self._wake)

    def batches(self, check: Check) -> Iterator[pa.RecordBatch]:
        """The batches as they come; raises what the stream raised behind those that came before."""
        while True:
            check()
            with self._changed:
                if not self._waiting:
                    if self._running.future.done():
                        break
                    self._changed.wait(POLL_SECONDS)
                    continue
                batch = self._waiting.popleft()
                self._bytes -= batch.nbytes
                self._changed.notify_all()
            yield batch
        self._running.future.result()

    def abandon(self) -> None:
        self._running.abandoned.set()

    def _fill(self, opening: Opening) -> None:
        with closing(opening.open()) as batches:
            for batch in batches:
                self._put(batch)

    def _put(self, batch: pa.RecordBatch) -> None:
        """Hand a batch over once there is room for it; one that is larger than the room goes alone."""
        size = batch.nbytes
        with self._changed:
            while self._waiting and self._bytes + size > WAITING_BYTES:
                check_stopped()
                self._changed.wait(POLL_SECONDS)
            check_stopped()
            self._waiting.append(batch)
            self._bytes += size
            self._changed.notify_all()

    def _wake(self, _: object) -> None:
        with self._changed:
            self._changed.notify_all()
