"""Arrow columns as numpy arrays, and the few array operations that every kernel needs."""

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]


def numbers(values: pa.Array | pa.ChunkedArray) -> Ints:
    """A column of integers as numpy; null becomes -1."""
    return np.asarray(pc.fill_null(values, -1)).astype(np.int64)


def truths(values: pa.Array | pa.ChunkedArray) -> Bools:
    """A column of booleans as numpy; null becomes false."""
    return np.asarray(pc.fill_null(values, fill_value=False)).astype(bool)


def codes(values: pa.ChunkedArray) -> Ints:
    """A number for each distinct value, from 0 in the order of the first rows; null counts as a value."""
    return numbers(pc.dictionary_encode(values.combine_chunks(), null_encoding="encode").indices)


def rows_of(values: pa.ChunkedArray, ids: pa.ChunkedArray) -> Ints:
    """The row of each value in ``ids``; -1 if ``ids`` does not contain it."""
    return numbers(pc.index_in(values, value_set=ids.combine_chunks()))


def spread(starts: Ints, counts: Ints) -> Ints:
    """For each i the counts[i] numbers starts[i], starts[i] + 1, …, all in one array.

    >>> spread(np.array([5, 0]), np.array([2, 3])).tolist()
    [5, 6, 0, 1, 2]
    """
    ends = np.cumsum(counts)
    total = int(ends[-1]) if len(ends) else 0
    spread_out: Ints = np.arange(total) + np.repeat(starts - (ends - counts), counts)
    return spread_out


def lists_of(owner: Ints, values: pa.Array | pa.ChunkedArray, size: int, order: Ints | None = None) -> pa.Array:
    """A list for each of ``size`` owners: its values in the order given. A value whose owner is -1 is left out.

    >>> lists_of(np.array([1, -1, 1]), pa.array(["a", "b", "c"]), 2, np.array([5, 0, 4])).to_pylist()
    [[], ['c', 'a']]
    """
    rows = np.argsort(owner, kind="stable") if order is None else np.lexsort((order, owner))
    rows = rows[owner[rows] >= 0]
    offsets = np.append(0, np.cumsum(np.bincount(owner[rows], minlength=size)))
    chosen = values.take(pa.array(rows))
    held = chosen.combine_chunks() if isinstance(chosen, pa.ChunkedArray) else chosen
    return pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), held)


def starts_of(counts: Ints) -> Ints:
    """The start of each group, if groups of these sizes are stored one after another."""
    starts: Ints = np.cumsum(counts) - counts
    return starts


def is_first(*keys: Ints) -> Bools:
    """Whether each row is the first of a run of rows with equal keys; keys must not be negative."""
    first = np.zeros(len(keys[0]), dtype=bool)
    for key in keys:
        first |= np.diff(key, prepend=-1) != 0
    return first
