"""Spans laid upon spans: which occurrence of a symbol is at a name, an import or a call site.

An occurrence of exactly the site's span is taken; where there is none, the tightest one inside it. Of a call site it
must end where the callee does: in ``self.save()`` the symbol called is that of ``save``. Several occurrences of one
span are rivals. Everything is sorting and binary search: near-linear in sites, occurrences and pairs found.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

Integers = npt.NDArray[np.int64]
Booleans = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Spans:
    """Half-open intervals, on one axis on which the files lie one after another."""

    starts: Integers
    ends: Integers

    def take(self, rows: Integers) -> "Spans":
        """Some of the spans."""
        return Spans(self.starts[rows], self.ends[rows])

    @property
    def lengths(self) -> Integers:
        """Bytes from start to end."""
        return self.ends - self.starts


@dataclass(frozen=True)
class Pairs:
    """Rows of one table with rows of another that belong to them."""

    left: Integers
    right: Integers


Tightest = Callable[[Spans, Spans], Pairs]


def on_one_axis(*tables: tuple[pa.Table, str, str]) -> list[Spans]:
    """The spans of several tables, each with the names of its columns of starts and ends; ``path`` is the file."""
    paths = pc.unique(pa.chunked_array([chunk for table, _, _ in tables for chunk in table.column("path").chunks]))
    spans = [Spans(*(_integers(table.column(name)) for name in ends)) for table, *ends in tables]
    room = 1 + max((int(each.ends.max(initial=0)) for each in spans), default=0)
    files = [np.asarray(pc.index_in(table.column("path"), paths)) * np.int64(room) for table, _, _ in tables]
    return [Spans(file + each.starts, file + each.ends) for file, each in zip(files, spans, strict=True)]


def aligned(sites: Spans, occurrences: Spans, tightest: Tightest, loose: Booleans) -> tuple[Pairs, Booleans]:
    """Sites with the occurrences of their span, else, if they are ``loose``, with what ``tightest`` finds inside.

    In the order of the sites; also whether the spans of a pair are equal. Empty occurrences stand at no text and are
    left out.
    """
    solid = np.flatnonzero(occurrences.lengths > 0)
    found = occurrences.take(solid)
    exact = _equal(sites, found)
    is_open = loose.copy()
    is_open[exact.left] = False
    open_sites = np.flatnonzero(is_open)
    inside = tightest(sites.take(open_sites), found)
    left = np.concatenate((exact.left, open_sites[inside.left]))
    right = np.concatenate((solid[exact.right], solid[inside.right]))
    order = np.lexsort((right, left))
    return Pairs(left[order], right[order]), (np.arange(len(left)) < len(exact.left))[order]


def tightest_inside(sites: Spans, occurrences: Spans) -> Pairs:
    """The shortest occurrences inside each site. Sites that lie in each other cost a pair each."""
    order = np.argsort(occurrences.starts, kind="stable")
    starts = occurrences.starts[order]
    pairs = _ranges(np.searchsorted(starts, sites.starts), np.searchsorted(starts, sites.ends))
    left, right = pairs.left, order[pairs.right]
    within = occurrences.ends[right] <= sites.ends[left]
    left, right = left[within], right[within]
    shortest = np.full(len(sites.starts), np.iinfo(np.int64).max)
    np.minimum.at(shortest, left, occurrences.lengths[right])
    best = occurrences.lengths[right] == shortest[left]
    return Pairs(left[best], right[best])


def tightest_at_end(sites: Spans, occurrences: Spans) -> Pairs:
    """The shortest occurrences inside each site that end where it ends."""
    bits = _length_bits(sites, occurrences)
    keys = (occurrences.ends << bits) + occurrences.lengths
    wanted = sites.ends << bits
    ascending = np.append(np.sort(keys, kind="stable"), np.iinfo(np.int64).max)
    shortest = ascending[np.searchsorted(ascending, wanted)]
    return _matches(np.where(shortest <= wanted + sites.lengths, shortest, -1), keys)


def _equal(sites: Spans, occurrences: Spans) -> Pairs:
    bits = _length_bits(sites, occurrences)
    return _matches((sites.starts << bits) + sites.lengths, (occurrences.starts << bits) + occurrences.lengths)


def _length_bits(*spans: Spans) -> int:
    """So many bits hold any of the lengths."""
    return max(int(each.lengths.max(initial=0)) for each in spans).bit_length()


def _matches(left: Integers, right: Integers) -> Pairs:
    """The rows of equal keys."""
    order = np.argsort(right, kind="stable")
    keys = right[order]
    pairs = _ranges(np.searchsorted(keys, left, "left"), np.searchsorted(keys, left, "right"))
    return Pairs(pairs.left, order[pairs.right])


def _ranges(low: Integers, high: Integers) -> Pairs:
    """For each row the numbers from its ``low`` up to its ``high``."""
    counts = high - low
    skipped = np.cumsum(counts) - counts
    left = np.repeat(np.arange(len(low)), counts)
    return Pairs(left, np.arange(len(left)) + np.repeat(low - skipped, counts))


def _integers(values: pa.ChunkedArray) -> Integers:
    """As numpy; where there is no offset, the span is empty."""
    return np.asarray(pc.fill_null(values, -1)).astype(np.int64)
