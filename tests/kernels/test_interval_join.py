"""Occurrences at and inside sites, against a search through all pairs."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from flight_server.kernels.interval_join import Spans, Tightest, aligned, tightest_at_end, tightest_inside

Span = tuple[int, int]
SPANS = st.lists(st.tuples(st.integers(0, 12), st.integers(0, 5)).map(lambda at: (at[0], at[0] + at[1])), max_size=14)


def spans(pairs: list[Span]) -> Spans:
    return Spans(*(np.array(ends, np.int64) for ends in (zip(*pairs, strict=True) if pairs else ((), ()))))


def expected(
    sites: list[Span], occurrences: list[Span], loose: list[bool], *, at_end: bool
) -> list[tuple[int, int, bool]]:
    found = []
    for row, (start, end) in enumerate(sites):
        solid = [(number, span) for number, span in enumerate(occurrences) if span[0] < span[1]]
        exact = [number for number, span in solid if span == (start, end)]
        inside = [
            (span[1] - span[0], number)
            for number, span in solid
            if loose[row] and start <= span[0] and span[1] <= end and (not at_end or span[1] == end)
        ]
        best = [number for length, number in inside if length == min(inside)[0]]
        found += [(row, number, bool(exact)) for number in exact or best]
    return found


@settings(max_examples=200, deadline=None)
@given(SPANS, SPANS, st.data())
def test_exact_ones_then_the_tightest(sites: list[Span], occurrences: list[Span], data: st.DataObject) -> None:
    loose = data.draw(st.lists(st.booleans(), min_size=len(sites), max_size=len(sites)))
    at_end = data.draw(st.booleans())
    tightest: Tightest = tightest_at_end if at_end else tightest_inside
    pairs, exact = aligned(spans(sites), spans(occurrences), tightest, np.array(loose, bool))
    found = list(zip(pairs.left.tolist(), pairs.right.tolist(), exact.tolist(), strict=True))
    assert found == expected(sites, occurrences, loose, at_end=at_end)
