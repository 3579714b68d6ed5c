"""Relations as sorted columns of integers: the arithmetic of the points-to rounds.

A pair of ids (each under 2^31) is one int64 with the first id in the upper half. A sorted column of pairs is a relation
that is joined on its first id by binary search. New pairs go into a small second run, which is merged into the large
one now and then, so that the cost of a round depends on the rows that it adds.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]
HALF = 32
LOWER = (1 << HALF) - 1
NONE: Ints = np.empty(0, np.int64)

_SMALL = 4096


def ints(values: Sequence[int] | npt.NDArray[np.generic]) -> Ints:
    """The values as int64."""
    return np.asarray(values, dtype=np.int64)


def constant(value: int | Ints, like: Ints) -> Ints:
    """A column of one value, as long as another."""
    return np.full(len(like), value, np.int64)


def column(value: Ints | int, length: int) -> Ints:
    """A column as it is, or one of a single value."""
    return value if isinstance(value, np.ndarray) else np.full(length, value, np.int64)


def where(mask: Mask, *columns: Ints) -> tuple[Ints, ...]:
    """The rows of several columns that a mask chooses."""
    return tuple(values[mask] for values in columns)


def ranges(ordered: Ints, sought: Ints) -> tuple[Ints, Ints]:
    """The rows of a sorted column that have each value: the position in ``sought``, and the row."""
    return spread(ordered.searchsorted(sought), ordered.searchsorted(sought, "right"))


def pack(first: Ints, second: Ints | int) -> Ints:
    """Pairs as single integers, ordered as the pairs are."""
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
    """The values sorted, each once. ``np.unique`` hashes first, which costs more."""
    ordered = np.sort(values)
    differs = np.empty(len(ordered), bool)
    differs[:1] = True
    np.not_equal(ordered[1:], ordered[:-1], out=differs[1:])
    return ordered[differs]


def numbered(values: Ints) -> tuple[Ints, Ints]:
    """The distinct values, sorted, and which of them each value is."""
    order = values.argsort()
    ordered = values[order]
    differs = np.empty(len(ordered), bool)
    differs[:1] = True
    np.not_equal(ordered[1:], ordered[:-1], out=differs[1:])
    which = np.empty(len(values), np.int64)
    which[order] = differs.cumsum() - 1
    return ordered[differs], which


def is_in(values: Ints, run: Ints) -> Mask:
    """Which of the values stand in a sorted column."""
    if not len(run) or not len(values):
        return np.zeros(len(values), bool)
    at = run.searchsorted(values)
    at[at == len(run)] = 0
    found: Mask = run[at] == values
    return found


def merged(run: Ints, added: Ints) -> tuple[Ints, Mask]:
    """Two sorted columns as one, and which of its rows came from the second."""
    size = len(run) + len(added)
    from_added = np.zeros(size, bool)
    from_added[run.searchsorted(added) + np.arange(len(added))] = True
    both = np.empty(size, np.int64)
    both[from_added] = added
    both[~from_added] = run
    return both, from_added


class PairSet:
    """A growing set of packed pairs."""

    def __init__(self) -> None:
        """Start empty."""
        self._large = self._small = NONE

    def __len__(self) -> int:
        """The number of pairs."""
        return len(self._large) + len(self._small)

    def contains(self, codes: Ints) -> Mask:
        """Which of the pairs are in it."""
        return is_in(codes, self._large) | is_in(codes, self._small)

    def missing(self, codes: Ints) -> Ints:
        """The pairs that are not in it, sorted, each once."""
        if not len(codes):
            return NONE
        sought = distinct(codes)
        return sought[~self.contains(sought)]

    def add(self, codes: Ints) -> Ints:
        """Put pairs in; gives back those that are new, sorted."""
        new = self.missing(codes)
        self.put(new)
        return new

    def put(self, new: Ints) -> None:
        """Put pairs in that are not in it, sorted."""
        if len(new):
            self._small, _ = merged(self._small, new)
            if len(self._small) > max(_SMALL, len(self._large) >> 3):
                self._large, _ = merged(self._large, self._small)
                self._small = NONE

    def under(self, firsts: Ints) -> tuple[Ints, Ints]:
        """The pairs with one of these first ids: the position in ``firsts``, and the second id."""
        found = [
            (number, run[position] & LOWER)
            for run in (self._large, self._small)
            if len(run)
            for number, position in (_range_of(run, firsts),)
        ]
        if not found:
            return NONE, NONE
        return np.concatenate([number for number, _ in found]), np.concatenate([second for _, second in found])

    def has_any(self, firsts: Ints) -> Mask:
        """Which ids are the first of some pair."""
        found = np.zeros(len(firsts), bool)
        for run in (self._large, self._small):
            found |= run.searchsorted(firsts << HALF) < run.searchsorted((firsts + 1) << HALF)
        return found

    def all(self) -> Ints:
        """All pairs, sorted."""
        return merged(self._large, self._small)[0]


class PairNumbers:
    """Numbers pairs of ids: equal pairs have one number. New ones are numbered in their own order."""

    def __init__(self) -> None:
        """Start empty."""
        self._runs = [(NONE, NONE), (NONE, NONE)]

    def find(self, codes: Ints) -> Ints:
        """The numbers of pairs, 0 for pairs that have none."""
        found = np.zeros(len(codes), np.int64)
        for run, numbers in self._runs:
            if len(run):
                at = run.searchsorted(codes)
                at[at == len(run)] = 0
                found = np.where(run[at] == codes, numbers[at], found)
        return found

    def number(self, codes: Ints, next_number: int) -> tuple[Ints, Ints]:
        """The numbers of pairs, and the pairs that were new: these have numbers from ``next_number`` on, in order."""
        if not len(codes):  # most often: a rule asks for each kind of object
            return NONE, NONE
        sought, which = numbered(codes)
        numbers = self.find(sought)
        fresh = numbers == 0
        new = sought[fresh]
        if len(new):
            given = np.arange(next_number, next_number + len(new))
            numbers[fresh] = given
            self.put(new, given)
        return numbers[which], new

    def all(self) -> tuple[Ints, Ints]:
        """All pairs, and their numbers."""
        return _merged_numbers(*self._runs)

    def put(self, codes: Ints, numbers: Ints) -> None:
        """Give new pairs, sorted, their numbers."""
        large, small = self._runs
        small = _merged_numbers(small, (codes, numbers))
        if len(small[0]) > max(_SMALL, len(large[0]) >> 3):
            large, small = _merged_numbers(large, small), (NONE, NONE)
        self._runs = [large, small]

    def under(self, firsts: Ints) -> tuple[Ints, Ints, Ints]:
        """The pairs with one of these first ids: the position in ``firsts``, the second id, the number."""
        found = [
            (number, run[position] & LOWER, numbers[position])
            for run, numbers in self._runs
            for number, position in (_range_of(run, firsts),)
        ]
        which, second, numbers = (np.concatenate(column) for column in zip(*found, strict=True))
        return which, second, numbers


class GrowingColumn:
    """A column with a value for each id, 0 until it is set, that grows with the ids."""

    def __init__(self, size: int) -> None:
        """Start with ``size`` zeros."""
        self.values: Ints = np.zeros(size, np.int64)

    @classmethod
    def of(cls, values: Ints) -> "GrowingColumn":
        """Start with values of the first ids."""
        column = cls(0)
        column.values = values.copy()
        return column

    def __getitem__(self, ids: Ints | slice) -> Ints:
        """The values of some ids."""
        return self.values[ids]

    def __setitem__(self, ids: Ints | slice, values: Ints | int) -> None:
        """Set the values of some ids, which it reaches."""
        self.values[ids] = values

    def reach(self, size: int) -> None:
        """Have at least ``size`` values."""
        if size > len(self.values):
            self.values = np.concatenate(
                [self.values, np.zeros(max(size, 2 * len(self.values)) - len(self.values), np.int64)]
            )


def _range_of(run: Ints, firsts: Ints) -> tuple[Ints, Ints]:
    return spread(run.searchsorted(firsts << HALF), run.searchsorted((firsts + 1) << HALF))


def _merged_numbers(run: tuple[Ints, Ints], added: tuple[Ints, Ints]) -> tuple[Ints, Ints]:
    codes, from_added = merged(run[0], added[0])
    numbers = np.empty(len(codes), np.int64)
    numbers[from_added], numbers[~from_added] = added[1], run[1]
    return codes, numbers
