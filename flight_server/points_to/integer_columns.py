"""Columns of integers, and operations on them.

A pair of ids (each below 2^31) is packed into one int64 with the first id in the upper half, so pairs sort by first id.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]
HALF = 32
LOWER = (1 << HALF) - 1
NONE: Ints = np.empty(0, np.int64)


def ints(values: Sequence[int] | npt.NDArray[np.generic]) -> Ints:
    """The values as int64."""
    return np.asarray(values, dtype=np.int64)


def constant(value: int | Ints, like: Ints) -> Ints:
    """A column of one value, with the length of another column."""
    return np.full(len(like), value, np.int64)


def column(value: Ints | int, length: int) -> Ints:
    """The column itself, or a single value repeated ``length`` times."""
    return value if isinstance(value, np.ndarray) else np.full(length, value, np.int64)


def where(mask: Mask, *columns: Ints) -> tuple[Ints, ...]:
    """The rows of several columns that a mask chooses."""
    return tuple(values[mask] for values in columns)


def ranges(ordered: Ints, sought: Ints) -> tuple[Ints, Ints]:
    """The rows of a sorted column with each sought value: the position in ``sought``, and the row."""
    return spread(ordered.searchsorted(sought), ordered.searchsorted(sought, "right"))


def pack(first: Ints, second: Ints | int) -> Ints:
    """Pairs as single integers, which sort like the pairs."""
    return (first << HALF) | second


def spread(low: Ints, high: Ints) -> tuple[Ints, Ints]:
    """For ranges [low, high): the range's number and each position in it, range after range."""
    lengths = high - low
    ends = lengths.cumsum()
    total = int(ends[-1]) if len(ends) else 0
    if not total:
        return NONE, NONE
    number = np.arange(len(low)).repeat(lengths)
    return number, np.arange(total) + (low - ends + lengths).repeat(lengths)


def distinct(values: Ints) -> Ints:
    """The distinct values, sorted. ``np.unique`` hashes first, which is slower."""
    ordered = np.sort(values)
    differs = np.empty(len(ordered), bool)
    differs[:1] = True
    np.not_equal(ordered[1:], ordered[:-1], out=differs[1:])
    return ordered[differs]


def numbered(values: Ints) -> tuple[Ints, Ints]:
    """The distinct values, sorted, and for each value its position among them."""
    order = values.argsort()
    ordered = values[order]
    differs = np.empty(len(ordered), bool)
    differs[:1] = True
    np.not_equal(ordered[1:], ordered[:-1], out=differs[1:])
    which = np.empty(len(values), np.int64)
    which[order] = differs.cumsum() - 1
    return ordered[differs], which


def is_in(values: Ints, run: Ints) -> Mask:
    """Which of the values a sorted column contains."""
    if not len(run) or not len(values):
        return np.zeros(len(values), bool)
    at = run.searchsorted(values)
    at[at == len(run)] = 0
    found: Mask = run[at] == values
    return found


class GrowingColumn:
    """A column with a value for each id, 0 until it is set, that grows with the ids."""

    def __init__(self, size: int) -> None:
        """Start with ``size`` zeros."""
        self.values: Ints = np.zeros(size, np.int64)

    @classmethod
    def of(cls, values: Ints) -> "GrowingColumn":
        """Start with the values of the first ids."""
        column = cls(0)
        column.values = values.copy()
        return column

    def __getitem__(self, ids: Ints | slice) -> Ints:
        """The values of some ids."""
        return self.values[ids]

    def __setitem__(self, ids: Ints | slice, values: Ints | int) -> None:
        """Set the values of some ids, which must be below the column's length."""
        self.values[ids] = values

    def reach(self, size: int) -> None:
        """Grow to at least ``size`` values."""
        if size > len(self.values):
            self.values = np.concatenate(
                [self.values, np.zeros(max(size, 2 * len(self.values)) - len(self.values), np.int64)]
            )
