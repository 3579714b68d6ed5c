"""An interval join: for each site the occurrences with the same span or, if there is none, the shortest ones inside it.

For a call site the occurrence must end where the callee ends: in ``self.save()`` the called symbol is that of ``save``.
All occurrences with the same span are found. All steps are sorts and binary searches, near-linear in the numbers of
sites, occurrences and pairs found.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from flight_server.kernels.arrays import Bools, Ints, numbers, spread


@dataclass(frozen=True)
class Spans:
    """Half-open intervals on one axis, on which the files follow one another."""

    starts: Ints
    ends: Ints

    def take(self, rows: Ints) -> "Spans":
        """Some of the spans."""
        return Spans(self.starts[rows], self.ends[rows])

    @property
    def lengths(self) -> Ints:
        """Bytes from start to end."""
        return self.ends - self.starts


@dataclass(frozen=True)
class SpanPairs:
    """Rows of sites (``left``) and of the occurrences that belong to them (``right``)."""

    left: Ints
    right: Ints


Tightest = Callable[[Spans, Spans], SpanPairs]


def on_one_axis(*columns: tuple[pa.ChunkedArray, pa.ChunkedArray, pa.ChunkedArray]) -> list[Spans]:
    """The spans of several tables, each given as its files, starts and ends; a null start or end counts as -1."""
    names = pc.unique(pa.chunked_array([chunk for files, _, _ in columns for chunk in files.chunks]))
    spans = [Spans(numbers(starts), numbers(ends)) for _, starts, ends in columns]
    room = 1 + max((int(each.ends.max(initial=0)) for each in spans), default=0)
    offsets = [np.asarray(pc.index_in(files, names)) * np.int64(room) for files, _, _ in columns]
    return [Spans(offset + each.starts, offset + each.ends) for offset, each in zip(offsets, spans, strict=True)]


def aligned(sites: Spans, occurrences: Spans, tightest: Tightest, loose: Bools) -> tuple[SpanPairs, Bools]:
    """Sites with the occurrences of the same span; if a ``loose`` site has none, with those that ``tightest`` finds.

    Pairs are in the order of the sites; the second result is true for pairs with equal spans. Empty occurrences are
    ignored.
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
    return SpanPairs(left[order], right[order]), (np.arange(len(left)) < len(exact.left))[order]


def tightest_inside(sites: Spans, occurrences: Spans) -> SpanPairs:
    """The shortest occurrences inside each site. The cost grows with the number of sites around each occurrence."""
    order = np.argsort(occurrences.starts, kind="stable")
    starts = occurrences.starts[order]
    pairs = _ranges(np.searchsorted(starts, sites.starts), np.searchsorted(starts, sites.ends))
    left, right = pairs.left, order[pairs.right]
    within = occurrences.ends[right] <= sites.ends[left]
    left, right = left[within], right[within]
    shortest = np.full(len(sites.starts), np.iinfo(np.int64).max)
    np.minimum.at(shortest, left, occurrences.lengths[right])
    best = occurrences.lengths[right] == shortest[left]
    return SpanPairs(left[best], right[best])


def tightest_at_end(sites: Spans, occurrences: Spans) -> SpanPairs:
    """The shortest occurrences inside each site that end where the site ends."""
    bits = _length_bits(sites, occurrences)
    keys = (occurrences.ends << bits) + occurrences.lengths
    wanted = sites.ends << bits
    ascending = np.append(np.sort(keys, kind="stable"), np.iinfo(np.int64).max)
    shortest = ascending[np.searchsorted(ascending, wanted)]
    return _matches(np.where(shortest <= wanted + sites.lengths, shortest, -1), keys)


def _equal(sites: Spans, occurrences: Spans) -> SpanPairs:
    bits = _length_bits(sites, occurrences)
    return _matches((sites.starts << bits) + sites.lengths, (occurrences.starts << bits) + occurrences.lengths)


def _length_bits(*spans: Spans) -> int:
    """The number of bits that the longest span's length needs."""
    return max(int(each.lengths.max(initial=0)) for each in spans).bit_length()


def _matches(left: Ints, right: Ints) -> SpanPairs:
    """The pairs of rows with equal keys."""
    order = np.argsort(right, kind="stable")
    keys = right[order]
    pairs = _ranges(np.searchsorted(keys, left, "left"), np.searchsorted(keys, left, "right"))
    return SpanPairs(pairs.left, order[pairs.right])


def _ranges(low: Ints, high: Ints) -> SpanPairs:
    """Pairs of each row and the numbers in [low, high)."""
    counts = high - low
    return SpanPairs(np.repeat(np.arange(len(low)), counts), spread(low, counts))
