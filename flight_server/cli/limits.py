"""The options that say how much a server takes on: its cache on disk, its memory, its streams, its time."""

import re
from collections.abc import Callable
from functools import wraps

import click

from flight_server.cli.session import Command, options
from flight_server.serving.limits import Limits
from flight_server.serving.service import Capacity
from flight_server.storage.artifacts import DEFAULT_BYTES

_UNITS = {"": 1, "K": 1024, "M": 1024**2, "G": 1024**3, "T": 1024**4}
_SIZE = re.compile(r"(\d+) *([KMGT]?)(?:I?B)?", re.IGNORECASE)
_DEFAULTS = Limits()


class Size(click.ParamType[int]):
    """A number of bytes: 500M, 8GiB."""

    name = "size"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """The bytes; units are powers of 1024."""
        if isinstance(value, int):
            return value
        found = _SIZE.fullmatch(str(value).strip())
        if found is None:
            self.fail(f"{value!r} is no size; allowed: a whole number of bytes, or of K, M, G, T", param, ctx)
        return int(found[1]) * _UNITS[found[2].upper()]


def shown(size: int) -> str:
    """A size as it may be given.

    >>> shown(8 * 1024**3)
    '8G'
    """
    unit, factor = max((each for each in _UNITS.items() if size % each[1] == 0), key=lambda each: each[1])
    return f"{size // factor}{unit}"


_OPTIONS = (
    click.option(
        "--cache-size",
        type=Size(),
        default=shown(DEFAULT_BYTES),
        show_default=True,
        help="Room on disk for results that may be used again; 0 keeps none.",
    ),
    click.option(
        "--memory",
        type=Size(),
        default=shown(_DEFAULTS.memory),
        show_default=True,
        help="What all streams together may take, about; more streams wait.",
    ),
    click.option(
        "--max-streams",
        type=click.IntRange(1),
        default=_DEFAULTS.streams,
        show_default=True,
        help="Streams at once; more wait.",
    ),
    click.option(
        "--max-waiting",
        type=click.IntRange(0),
        default=_DEFAULTS.waiting,
        show_default=True,
        help="Streams that may wait; more are refused.",
    ),
    click.option(
        "--max-wait",
        type=click.FloatRange(0),
        default=_DEFAULTS.wait_seconds,
        show_default=True,
        help="Seconds that a stream waits before it is refused.",
    ),
    click.option(
        "--query-timeout",
        type=click.FloatRange(0, min_open=True),
        help="Seconds that a stream may run.  [default: any]",
    ),
)


def with_capacity(command: Command) -> Callable[..., None]:
    """A command that is given a Capacity, and the options that say which."""

    @options(*_OPTIONS)
    @wraps(command)
    def run(
        *arguments: object,
        cache_size: int,
        memory: int,
        max_streams: int,
        max_waiting: int,
        max_wait: float,
        query_timeout: float | None,
        **others: object,
    ) -> None:
        limits = Limits(max_streams, max_waiting, max_wait, memory, query_timeout)
        command(*arguments, capacity=Capacity(limits, cache_size), **others)

    return run
