"""Cancellation of running work, by a check that raises once no caller waits for the result.

The thread that runs a plan sets the check. A long-running kernel calls ``check_stopped`` between its rounds; ten times
a second is enough.

>>> with stopped_by(lambda: print("asked")):
...     check_stopped()
asked
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

Check = Callable[[], None]


def never() -> None:
    """The check of work that is never stopped."""


_CHECK: ContextVar[Check] = ContextVar("check", default=never)


def check_stopped() -> None:
    """Call this thread's check, which raises if the work is no longer wanted."""
    _CHECK.get()()


@contextmanager
def stopped_by(check: Check) -> Iterator[None]:
    """Make ``check`` the check of this thread within the block; a generator must not yield within it."""
    token = _CHECK.set(check)
    try:
        yield
    finally:
        _CHECK.reset(token)
