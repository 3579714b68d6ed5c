"""The interpreter's settings during extraction: stack, recursion limit, warnings, garbage collection."""

import contextlib
import gc
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

# A thread with this stack size extracts every file, so that rows don't depend on the number of processes.
STACK_BYTES = 256 << 20
PARSE_DEPTH = 10_000  # the parser allows some multiple of this depth, which fits into STACK_BYTES
WALK_DEPTH = 200_000  # frames of Python code only, which don't use the C stack
_SET = threading.RLock()

_T = TypeVar("_T")


@contextlib.contextmanager
def recursion(depth: int) -> Iterator[None]:
    """Run the block with this recursion limit, which holds for the process; one thread at a time may set it."""
    with _SET:
        limit = sys.getrecursionlimit()
        sys.setrecursionlimit(depth)
        try:
            yield
        finally:
            sys.setrecursionlimit(limit)


def in_deep_thread(work: Callable[[], _T]) -> _T:
    """Run ``work`` in a thread with a stack of STACK_BYTES, without warnings about the source (bad escapes)."""
    with ThreadPoolExecutor(max_workers=1) as deep, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        before = threading.stack_size(STACK_BYTES)
        try:
            future = deep.submit(work)
        finally:
            threading.stack_size(before)
        return future.result()


@contextlib.contextmanager
def uncollected() -> Iterator[None]:
    """Run the block without garbage collection, which would be wasted: trees and rows have no cycles."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
