"""How deep source may be nested: the stack and the recursion limits under which a file is parsed, walked, compiled."""

import contextlib
import sys
import threading
from collections.abc import Iterator

# A thread of our own gives every file the same stack, whoever calls: so rows don't depend on the number of processes.
STACK_BYTES = 256 << 20
PARSE_DEPTH = 10_000  # the interpreter allows a syntax tree some multiple of it, and that fits into STACK_BYTES
WALK_DEPTH = 200_000  # frames of Python code only, which don't use the C stack
_SET = threading.RLock()


@contextlib.contextmanager
def recursion(depth: int) -> Iterator[None]:
    """Run the block under this recursion limit, which is the whole process's: one thread at a time has a limit set."""
    with _SET:
        limit = sys.getrecursionlimit()
        sys.setrecursionlimit(depth)
        try:
            yield
        finally:
            sys.setrecursionlimit(limit)
