"""Work done beside its caller, by a few threads that all share: encoding a file while more rows are received."""

import os
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from threading import BoundedSemaphore

_THREADS = os.cpu_count() or 1
_POOL = ThreadPoolExecutor(_THREADS, thread_name_prefix="write")
_FREE = BoundedSemaphore(_THREADS)


class Background:
    """Does what it is given in the order that it is given, one piece at a time; what a piece raises, a later call does.

    A piece is done by another thread if one is free, else by the caller: where many write there is no time to gain.
    """

    def __init__(self) -> None:
        """Nothing is under way."""
        self._under_way: Future[None] | None = None

    def do(self, work: Callable[[], None]) -> None:
        """Have it done, when what was given before is."""
        self.finish()
        if _FREE.acquire(blocking=False):
            self._under_way = _POOL.submit(_freeing, work)
        else:
            work()

    def finish(self) -> None:
        """Wait until all is done."""
        under_way, self._under_way = self._under_way, None
        if under_way is not None:
            under_way.result()

    def close(self) -> None:
        """Wait for what is under way, whatever it raises."""
        with suppress(Exception):
            self.finish()


def _freeing(work: Callable[[], None]) -> None:
    try:
        work()
    finally:
        _FREE.release()
