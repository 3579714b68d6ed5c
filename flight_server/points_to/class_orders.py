"""Method resolution orders by C3, for all classes of a repo at once.

C3 is from Barrett et al., *A Monotonic Superclass Linearization for Dylan*, 1996. Classes whose bases are done are
merged in lockstep: each step finds the next class of all of them. Code that Python would refuse gets orders too: if C3
finds no next class, the first remaining one is used, and a cycle of bases is merged without the missing orders.
"""

from dataclasses import dataclass, fields

import numpy as np

from flight_server.points_to.integer_columns import HALF, NONE, Ints, Mask, column, is_in, pack, spread, where

MOST_BASES = 32


@dataclass(frozen=True)
class ClassOrders:
    """The orders: that of class c is ``members[low[c]:high[c]]``, c itself first.

    Class ``owners[i]`` has ``bases[i]`` at the place ``places[i]`` of a base, ``metaclass_owners[i]`` has
    ``metaclass_bases[i]`` at ``metaclass_places[i]`` as metaclass.
    ``worlds`` has a mask for each of ``members`` (``class_worlds``): which rival bases it belongs to.
    ``low``, ``high`` and ``metaclass`` (0 for ``type``) are by object number. ``binds`` has the packed (class, key) of
    all attributes that class bodies bind, sorted. ``slots`` has the packed (class, position) of the fields of
    dataclasses, sorted, ``slot_keys`` their keys, ``made`` the dataclasses. ``enums`` are enumerations, ``tuples``
    typed named tuples, ``dicts`` typed dictionaries, ``writers`` the classes with a ``__setattr__``, and ``callables``
    those with a ``__call__`` or ``__get__`` of the repo. ``cut`` are the classes whose orders lack a base, because they
    or a class in their order name more than MOST_BASES.
    """

    owners: Ints
    bases: Ints
    places: Ints
    metaclass_owners: Ints
    metaclass_bases: Ints
    metaclass_places: Ints
    low: Ints
    high: Ints
    members: Ints
    worlds: Ints
    binds: Ints
    metaclass: Ints
    slots: Ints
    slot_keys: Ints
    made: Ints
    writers: Ints
    enums: Ints
    tuples: Ints
    dicts: Ints
    callables: Ints
    cut: Ints

    @classmethod
    def of(cls, **columns: Ints) -> "ClassOrders":
        """Orders with these columns; the others are empty."""
        return cls(**{each.name: columns.get(each.name, NONE) for each in fields(cls)})

    def order(self, classes: Ints) -> tuple[Ints, Ints, Ints]:
        """The order of each class, as rows: the position in ``classes``, the rank, and the class at that rank."""
        number, rank, member, _ = self._rows(classes)
        return number, rank, member

    def _rows(self, classes: Ints) -> tuple[Ints, Ints, Ints, Ints]:
        """The rows of ``order``, with the worlds of each."""
        has_order = classes < len(self.low)
        if not len(self.low):
            return NONE, NONE, NONE, NONE
        classes = np.where(has_order, classes, 0)
        number, position = spread(self.low[classes], self.high[classes])
        return number, position - self.low[classes][number], self.members[position], self.worlds[position]

    def bearers(self, classes: Ints, keys: Ints | int, after: Ints | None = None) -> tuple[Ints, Ints, Mask]:
        """The classes that an attribute may come from: those of the order up to the first that binds it, in each world.

        With ``after`` the search starts after that class; it finds nothing if the order does not contain it. Returns
        rows of the position in ``classes`` and the class, and a mask of the ``classes`` for which some class binds it.
        """
        number, rank, member, worlds = self._rows(classes)
        keys = column(keys, len(classes))
        if after is not None:
            starts, within = np.full(len(classes), 1 << 30), np.zeros(len(classes), np.int64)
            here = member == after[number]
            starts[number[here]], within[number[here]] = rank[here], worlds[here]
            behind = (rank > starts[number]) & (worlds & within[number] > 0)
            number, rank, member, worlds = where(behind, number, rank, member, worlds & within[number])
        binding = is_in(pack(member, keys[number]), self.binds)
        found, reached = np.zeros(len(classes), bool), np.zeros(len(number), bool)
        for world in range(int(worlds.max(initial=1)).bit_length()):
            inside = (worlds >> world) & 1 > 0
            first = np.full(len(classes), 1 << 30)
            np.minimum.at(first, number[inside & binding], rank[inside & binding])
            found |= first < 1 << 30
            reached |= inside & (rank <= first[number])
        return number[reached], member[reached], found

    def fields_of(self, classes: Ints) -> tuple[Ints, Ints]:
        """The attributes that dataclasses set, as rows: the position in ``classes``, and the key."""
        which, position = spread(
            self.slots.searchsorted(classes << HALF), self.slots.searchsorted((classes + 1) << HALF)
        )
        return which, self.slot_keys[position]

    def fields_at(self, classes: Ints, positions: Ints | int) -> Ints:
        """The keys of the attributes that dataclasses set from the argument at a position; 0 for none."""
        if not len(self.slots):
            return np.zeros_like(classes)
        codes = pack(classes, positions)
        at = np.minimum(np.searchsorted(self.slots, codes), len(self.slots) - 1)
        return np.where(self.slots[at] == codes, self.slot_keys[at], 0)

    def metaclass_of(self, classes: Ints) -> Ints:
        """The metaclasses; 0 for ``type``."""
        return np.where(classes < len(self.metaclass), self.metaclass[np.minimum(classes, len(self.metaclass) - 1)], 0)


def linearise(classes: Ints, owners: Ints, bases: Ints, objects: int) -> tuple[Ints, Ints, Ints]:
    """The orders of classes (object numbers, sorted). ``bases[i]`` is a base of ``owners[i]``, in source order.

    Returns ``low``, ``high`` and ``members`` of ``ClassOrders``. The order of a base outside the repo is the base
    alone.
    """
    row = np.zeros(objects, np.int64)
    row[classes] = np.arange(1, len(classes) + 1)
    declared = _declared(row, owners, bases, len(classes))
    lines = np.zeros((len(classes) + 1, 1), np.int64)
    done = np.zeros(len(classes) + 1, bool)
    done[0] = True
    while not done.all():
        ready = np.flatnonzero(~done & done[row[declared]].all(axis=1))
        single = (declared[ready] > 0).sum(axis=1) == 1
        if not len(ready):
            ready = np.flatnonzero(~done)
            single = np.zeros(len(ready), bool)
        heads = np.concatenate([[0], classes])
        for chosen, merge in ((ready[single], _behind_one), (ready[~single], _merge)):
            if len(chosen):
                merged = merge(heads[chosen], _sequences(declared[chosen], row, lines, done))
                if merged.shape[1] > lines.shape[1]:  # doubled, so that a long chain is not copied at each step
                    lines = np.pad(lines, ((0, 0), (0, 2 * merged.shape[1] - lines.shape[1])))
                lines[chosen, : merged.shape[1]] = merged
        done[ready] = True
    return _flat(classes, lines[1:], objects)


def with_too_many_bases(owners: Ints) -> Ints:
    """The classes that name more than MOST_BASES bases; ``owners``, sorted, has each class once for each base."""
    classes, counts = np.unique(owners, return_counts=True)
    return classes[counts > MOST_BASES]


def _declared(row: Ints, owners: Ints, bases: Ints, count: int) -> Ints:
    """The bases of each class, shape (classes + 1, largest number of bases), padded with 0."""
    owner = row[owners]
    starts = np.searchsorted(owner, owner)
    position = np.arange(len(owner)) - starts
    used = (position < MOST_BASES) & (bases != owners)
    declared = np.zeros((count + 1, MOST_BASES), np.int64)
    declared[owner[used], position[used]] = bases[used]
    return declared[:, : max(1, int(position[used].max(initial=0)) + 1)]


def _sequences(declared: Ints, row: Ints, lines: Ints, done: Mask) -> Ints:
    """The sequences that C3 merges: the bases' own orders, then the bases; shape (classes, bases + 1, longest)."""
    at = np.where(done[row[declared]], row[declared], 0)
    orders = lines[at]
    lone = orders[:, :, 0] == 0
    orders[:, :, 0] = np.where(lone, declared, orders[:, :, 0])
    width = max(orders.shape[2], declared.shape[1])
    orders = np.pad(orders, ((0, 0), (0, 0), (0, width - orders.shape[2])))
    last = np.pad(declared, ((0, 0), (0, width - declared.shape[1])))
    return np.concatenate([orders, last[:, None, :]], axis=1)


def _behind_one(heads: Ints, sequences: Ints) -> Ints:
    """The orders of classes with one base: the class, then the order of its base."""
    orders = sequences[:, 0]
    return np.concatenate([heads[:, None], orders[:, : int((orders > 0).sum(axis=1).max())]], axis=1)


def _merge(heads: Ints, sequences: Ints) -> Ints:
    """The merged orders of some classes, ``heads`` first; shape (classes, longest)."""
    alive = (sequences > 0) & (sequences != heads[:, None, None])
    found = [heads]
    while alive.any():
        taken = _next(sequences, alive)
        alive &= sequences != taken[:, None, None]
        found.append(taken)
    return np.stack(found, axis=1)


def _next(sequences: Ints, alive: Mask) -> Ints:
    """The next class of each order: a head that is in no tail, or else the first head; 0 if the order is complete."""
    position = alive.argmax(axis=2)
    first = np.where(alive.any(axis=2), np.take_along_axis(sequences, position[:, :, None], axis=2)[:, :, 0], 0)
    rest = alive & (np.arange(sequences.shape[2]) > position[:, :, None])
    good = np.zeros(len(sequences), np.int64)
    fallback = np.zeros(len(sequences), np.int64)
    for candidate in first.T:
        blocked = (rest & (sequences == candidate[:, None, None])).any(axis=(1, 2))
        good = np.where((good == 0) & ~blocked, candidate, good)
        fallback = np.where(fallback == 0, candidate, fallback)
    return np.where(good > 0, good, fallback)


def _flat(classes: Ints, lines: Ints, objects: int) -> tuple[Ints, Ints, Ints]:
    low, high = np.zeros(objects, np.int64), np.zeros(objects, np.int64)
    ends = np.cumsum((lines > 0).sum(axis=1))
    high[classes] = ends
    low[classes] = np.concatenate([[0], ends[:-1]])
    return low, high, lines[lines > 0]
