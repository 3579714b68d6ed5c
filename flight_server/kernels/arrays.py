"""Arrow columns as numbers, and the few array operations that every kernel needs."""

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]


def numbers(values: pa.Array | pa.ChunkedArray) -> Ints:
    """A column of integers as numpy; a null is -1."""
    return np.asarray(pc.fill_null(values, -1)).astype(np.int64)


def truths(values: pa.Array | pa.ChunkedArray) -> Bools:
    """A column of booleans as numpy; a null is false."""
    return np.asarray(pc.fill_null(values, fill_value=False)).astype(bool)


def codes(values: pa.ChunkedArray) -> Ints:
    """Equal values as equal numbers, counted from 0 in the order of their first row; null is a value."""
    return numbers(pc.dictionary_encode(values.combine_chunks(), null_encoding="encode").indices)


def rows_of(values: pa.ChunkedArray, ids: pa.ChunkedArray) -> Ints:
    """The row of each value among ``ids``; -1 where the value is not among them."""
    return numbers(pc.index_in(values, value_set=ids.combine_chunks()))


def spread(starts: Ints, counts: Ints) -> Ints:
    """The numbers starts[i], starts[i] + 1, … (counts[i] of them) for each i, one after another.

    >>> spread(np.array([5, 0]), np.array([2, 3])).tolist()
    [5, 6, 0, 1, 2]
    """
    ends = np.cumsum(counts)
    total = int(ends[-1]) if len(ends) else 0
    spread_out: Ints = np.arange(total) + np.repeat(starts - (ends - counts), counts)
    return spread_out


def starts_of(counts: Ints) -> Ints:
    """Where each group starts, if groups of these sizes lie one after another."""
    starts: Ints = np.cumsum(counts) - counts
    return starts


def is_first(*keys: Ints) -> Bools:
    """Whether a row is the first of a run of rows with equal keys; keys are not negative."""
    first = np.zeros(len(keys[0]), dtype=bool)
    for key in keys:
        first |= np.diff(key, prepend=-1) != 0
    return first
