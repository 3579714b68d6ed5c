"""Counts for monitoring: what is admitted now, and how often results were found in the cache."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Lock
from typing import TypeVar

from arrowdsl.plan.nodes import Scope

Found = TypeVar("Found")


@dataclass(frozen=True)
class Admitted:
    """The streams that run and wait, the computations that run, and the bytes that they all take."""

    streams: int
    waiting: int
    computations: int
    memory: int


@dataclass
class ResultCounts:
    """Results found in the cache, results computed, and the seconds that this took; for fixpoints, also apart."""

    hits: int = 0
    misses: int = 0
    seconds: float = 0.0
    resolution_seconds: float = 0.0
    _lock: Lock = field(default_factory=Lock)

    def found(self, result: Found | None) -> Found | None:
        """The result of a look into the cache, counted if there is one."""
        if result is not None:
            with self._lock:
                self.hits += 1
        return result

    @contextmanager
    def computing(self, scope: Scope) -> Iterator[None]:
        """A block that computes a result."""
        started = time.monotonic()
        try:
            yield
        finally:
            seconds = time.monotonic() - started
            with self._lock:
                self.misses += 1
                self.seconds += seconds
                self.resolution_seconds += seconds if scope is Scope.FIXPOINT else 0.0
