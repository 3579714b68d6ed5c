"""Growing relations as sorted columns of integers, which are joined by binary search.

New rows go into a small run, which is merged into the large run when it has grown. So the cost of a round depends on
the number of rows that it adds.
"""

import numpy as np

from flight_server.points_to.integer_columns import HALF, LOWER, NONE, Ints, Mask, distinct, is_in, numbered, spread

_SMALL = 4096


class SortedRuns:
    """Rows as columns, shape (columns, rows), sorted by the first column."""

    def __init__(self, width: int) -> None:
        """Start empty."""
        self._large = self._small = np.empty((width, 0), np.int64)

    def __len__(self) -> int:
        """The number of rows."""
        return self._large.shape[1] + self._small.shape[1]

    def _put(self, rows: Ints) -> None:
        """Add sorted rows; rows with equal first values stay in the order in which they were added."""
        if rows.shape[1]:
            self._small = _merged(self._small, rows)
            if self._small.shape[1] > max(_SMALL, self._large.shape[1] >> 3):
                self._large, self._small = _merged(self._large, self._small), self._small[:, :0]

    def _between(self, low: Ints, high: Ints, *, start: int = 0) -> tuple[Ints, ...]:
        """The rows whose first value is in [low, high): the index of the range, then the columns from ``start`` on."""
        found = []
        for run in (self._large, self._small):
            if run.shape[1]:
                which, row = spread(run[0].searchsorted(low), run[0].searchsorted(high))
                found.append((which, *(values[row] for values in run[start:])))
        if not found:
            return (NONE,) * (1 + len(self._large) - start)
        return found[0] if len(found) == 1 else tuple(map(np.concatenate, zip(*found, strict=True)))


class FactRows(SortedRuns):
    """Rows of any width, joined by their first column."""

    def append(self, *columns: Ints) -> None:
        """Add rows, except those whose first column is 0."""
        rows = np.stack(columns)
        rows = rows[:, columns[0] > 0]
        self._put(rows[:, rows[0].argsort(kind="stable")])

    def under(self, firsts: Ints) -> tuple[Ints, ...]:
        """The rows with one of these first values: the position in ``firsts``, then the other columns."""
        return self._between(firsts, firsts + 1, start=1)

    def all(self) -> Ints:
        """All rows, shape (columns, rows)."""
        return _merged(self._large, self._small)


class PairSet(SortedRuns):
    """A growing set of packed pairs."""

    def __init__(self) -> None:
        """Start empty."""
        super().__init__(1)

    def contains(self, codes: Ints) -> Mask:
        """Which of the pairs the set contains."""
        return is_in(codes, self._large[0]) | is_in(codes, self._small[0])

    def missing(self, codes: Ints) -> Ints:
        """The pairs that the set does not contain, sorted and distinct."""
        if not len(codes):
            return NONE
        sought = distinct(codes)
        return sought[~self.contains(sought)]

    def add(self, codes: Ints) -> Ints:
        """Add pairs; returns the new ones, sorted."""
        new = self.missing(codes)
        self.put(new)
        return new

    def put(self, new: Ints) -> None:
        """Add sorted, distinct pairs that the set does not contain."""
        self._put(new[None])

    def under(self, firsts: Ints) -> tuple[Ints, Ints]:
        """The pairs with one of these first ids: the position in ``firsts``, and the second id."""
        which, codes = self._between(firsts << HALF, (firsts + 1) << HALF)
        return which, codes & LOWER

    def has_any(self, firsts: Ints) -> Mask:
        """Which ids are the first id of some pair."""
        found = np.zeros(len(firsts), bool)
        for (run,) in (self._large, self._small):
            found |= run.searchsorted(firsts << HALF) < run.searchsorted((firsts + 1) << HALF)
        return found

    def all(self) -> Ints:
        """All pairs, sorted."""
        codes: Ints = _merged(self._large, self._small)[0]
        return codes


class PairNumbers(SortedRuns):
    """Assigns numbers to pairs of ids: one for each distinct pair. New pairs are numbered in sorted order."""

    def __init__(self) -> None:
        """Start empty."""
        super().__init__(2)

    def find(self, codes: Ints) -> Ints:
        """The numbers of pairs; 0 for pairs without a number."""
        found = np.zeros(len(codes), np.int64)
        for run, numbers in (self._large, self._small):
            if len(run):
                at = run.searchsorted(codes)
                at[at == len(run)] = 0
                found = np.where(run[at] == codes, numbers[at], found)
        return found

    def number(self, codes: Ints, next_number: int) -> tuple[Ints, Ints]:
        """The numbers of pairs, and the new pairs, which get the numbers from ``next_number`` on, in order."""
        if not len(codes):  # the most frequent case, since rules ask for every kind of object
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

    def put(self, codes: Ints, numbers: Ints) -> None:
        """Add new, sorted pairs with their numbers."""
        self._put(np.stack([codes, numbers]))

    def under(self, firsts: Ints) -> tuple[Ints, Ints, Ints]:
        """The pairs with one of these first ids: the position in ``firsts``, the second id, the number."""
        which, codes, numbers = self._between(firsts << HALF, (firsts + 1) << HALF)
        return which, codes & LOWER, numbers

    def all(self) -> Ints:
        """All pairs, sorted, and their numbers."""
        return _merged(self._large, self._small)


def _merged(run: Ints, added: Ints) -> Ints:
    """Two sorted runs merged into one; of equal rows, those of the first run come first."""
    if not run.shape[1]:
        return added
    size = run.shape[1] + added.shape[1]
    from_added = np.zeros(size, bool)
    from_added[run[0].searchsorted(added[0], "right") + np.arange(added.shape[1])] = True
    both = np.empty((len(run), size), np.int64)
    for values, old, new in zip(both, run, added, strict=True):
        values[from_added] = new
        values[~from_added] = old
    return both
