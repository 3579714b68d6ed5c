"""Outputs of fixpoint scope: computed once from a whole repo's facts, kept, and read again part by part."""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from concurrent.futures import Future, wait
from threading import Lock

import pyarrow as pa

KEPT = 4


class Fixpoints:
    """The newest results by what they were computed from. Two readers of one that is missing compute it once."""

    def __init__(self, size: int = KEPT) -> None:
        self._size = size
        self._results: OrderedDict[Hashable, Future[pa.Table]] = OrderedDict()
        self._lock = Lock()

    def table(self, key: Hashable, compute: Callable[[], pa.Table]) -> pa.Table:
        """The result for ``key``; where computing it failed for one reader, the next who waits for it tries."""
        while True:
            with self._lock:
                known = self._results.get(key)
                future = self._results.setdefault(key, Future())
                self._results.move_to_end(key)
                while len(self._results) > self._size:
                    self._results.popitem(last=False)
            if known is None:
                return self._computed(key, future, compute)
            wait((known,))
            if not known.cancelled():
                return known.result()

    def _computed(self, key: Hashable, future: Future[pa.Table], compute: Callable[[], pa.Table]) -> pa.Table:
        try:
            future.set_result(compute())
        finally:
            if not future.done():
                with self._lock:
                    self._results.pop(key, None)
                future.cancel()
        return future.result()
