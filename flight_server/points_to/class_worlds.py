"""Rival bases: a class whose base is one of several classes, by branch or by argument, has an order for each choice.

``class A`` in both branches of an ``if`` is two classes, and ``class B(A)`` inherits from either. The order of ``B``
has both, one after the other. A *world* is a choice of one class for each such base; a mask says in which worlds a
member of an order belongs to it. An attribute of one rival hides none of the other's.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence

import numpy as np

from flight_server.points_to.integer_columns import Ints

MOST_WORLDS = 8  # further rivals share the worlds of the first ones

_Masks = dict[int, int]


def worlds(low: Ints, high: Ints, members: Ints, owners: Ints, bases: Ints, places: Ints) -> Ints:
    """The mask of each of ``members``, whose orders are ``members[low[c]:high[c]]``.

    ``bases[i]`` is the object that ``owners[i]`` has as a base at the place ``places[i]``.
    """
    masks = np.ones(len(members), np.int64)
    _, number, counts = np.unique(np.stack([owners, places]), axis=1, return_inverse=True, return_counts=True)
    undecided = np.unique(owners[counts[number.ravel()] > 1])
    if not len(undecided):
        return masks
    declared: defaultdict[int, defaultdict[int, list[int]]] = defaultdict(lambda: defaultdict(list))
    for owner, place, base in zip(owners.tolist(), places.tolist(), bases.tolist(), strict=True):
        declared[owner][place].append(base)
    found: dict[int, _Masks] = {}
    for one in _heirs(low, high, members, undecided).tolist():
        order = members[low[one] : high[one]].tolist()
        found[one] = _masks(order, [*declared[one].values()], found, {b: _order(low, high, members, b) for b in order})
        masks[low[one] : high[one]] = [found[one][member] for member in order]
    return masks


def _heirs(low: Ints, high: Ints, members: Ints, undecided: Ints) -> Ints:
    """The classes that have an undecided class in their order; a base comes before the classes that inherit from it."""
    classes = np.flatnonzero(high > low)
    classes = classes[np.argsort(low[classes])]
    lengths = (high - low)[classes]
    chosen = np.bincount(np.repeat(np.arange(len(classes)), lengths), np.isin(members, undecided)) > 0
    return classes[chosen][np.argsort(lengths[chosen], kind="stable")]


def _order(low: Ints, high: Ints, members: Ints, one: int) -> list[int]:
    has_order = one < len(low) and high[one] > low[one]
    return members[low[one] : high[one]].tolist() if has_order else [one]


def _masks(
    order: Sequence[int],
    places: Sequence[Sequence[int]],
    found: Mapping[int, _Masks],
    orders: Mapping[int, Sequence[int]],
) -> _Masks:
    """The masks of a class's order: in world w each base is its choice number w, in the world that is left of w."""
    widths = [len(rivals) * max(_width(found.get(base)) for base in rivals) for rivals in places]
    count = min(max(widths, default=1), MOST_WORLDS)
    masks = dict.fromkeys(order, 0)
    masks[order[0]] = (1 << count) - 1
    for rivals in places:
        for choice in range(max(len(rivals), count)):
            base, world = rivals[choice % len(rivals)], 1 << choice % count
            inner = found.get(base)
            step = choice // len(rivals) % _width(inner)
            for member in orders.get(base, ()):
                if member in masks and (inner is None or inner[member] >> step & 1):
                    masks[member] |= world
    return {member: mask or masks[order[0]] for member, mask in masks.items()}


def _width(masks: _Masks | None) -> int:
    return 1 if masks is None else max(mask.bit_length() for mask in masks.values())
