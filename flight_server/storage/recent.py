"""A bounded memory of the most recently used values; several threads may use it."""

from collections import OrderedDict
from collections.abc import Hashable
from threading import Lock
from typing import Generic, TypeVar

Value = TypeVar("Value")


class Recent(Generic[Value]):
    """Values by key; their sizes together are at most ``limit``."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._size = 0
        self._values: OrderedDict[Hashable, tuple[Value, int]] = OrderedDict()
        self._lock = Lock()

    @property
    def size(self) -> int:
        """The sizes of all values together."""
        return self._size

    def get(self, key: Hashable) -> Value | None:
        """The value, if it is still there."""
        with self._lock:
            if key not in self._values:
                return None
            self._values.move_to_end(key)
            return self._values[key][0]

    def put(self, key: Hashable, value: Value, size: int = 1) -> None:
        """Remember a value, in place of the least recently used ones; a larger one than the limit is forgotten."""
        with self._lock:
            if key in self._values:
                self._size -= self._values.pop(key)[1]
            if size > self._limit:
                return
            self._values[key] = value, size
            self._size += size
            while self._size > self._limit:
                self._size -= self._values.popitem(last=False)[1][1]
