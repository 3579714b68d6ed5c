"""How work learns that nobody waits for it any more: a check that raises, kept by the thread that runs a plan.

A kernel that computes for long calls ``check_stopped`` now and then, between its rounds: ten times a second is plenty.

>>> with stopped_by(lambda: print("asked")):
...     check_stopped()
asked
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

Check = Callable[[], None]


def never() -> None:
    """The check of work that nothing stops."""


_CHECK: ContextVar[Check] = ContextVar("check", default=never)


def check_stopped() -> None:
    """Raise what the check of this thread raises if its work is no longer wanted."""
    _CHECK.get()()


@contextmanager
def stopped_by(check: Check) -> Iterator[None]:
    """Let ``check`` be asked by what this thread runs within the block; a generator must not yield within it."""
    token = _CHECK.set(check)
    try:
        yield
    finally:
        _CHECK.reset(token)
