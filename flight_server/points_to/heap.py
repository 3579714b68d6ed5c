"""Objects and places.

An object is a kind and two ids: an instance of a class, a method bound to an object, the attribute of an external.
A place is a variable or temporary of the source, in a context (see ``contexts``) or outside any, a field of an object
(its attribute or item), the result of reading an attribute of an object (its own or a class's), or a view. A view binds
the objects that arrive at it, as Python binds a class's attribute that is read through an instance, and passes them to
another place.
"""

from enum import IntEnum

import numpy as np

from flight_server.points_to.integer_columns import HALF, LOWER, GrowingColumn, Ints, Mask, is_in, numbered, pack
from flight_server.points_to.sorted_runs import PairNumbers


class Kind(IntEnum):
    """The kinds of objects; the comments name the two ids of each."""

    NONE = 0
    FUNCTION = 1  # definition, context
    CLASS = 2  # definition
    MODULE = 3  # definition, or 0 and the number of a folder
    INSTANCE = 4  # class, call site that created it if its class's instances are told apart, else 0
    CONTAINER = 5  # number of the container, Shape + SHAPES * context
    CONSTANT = 6  # Shape, key of its repr or 0
    EXTERNAL = 7  # external that it is an attribute of or 0, key
    METHOD = 8  # function, object that it is bound to
    SUPER = 9  # class after which lookup starts, object
    GENERATOR = 10  # generator function
    PROPERTY = 11  # its getter
    SETTER = 12  # the setter of a property
    STATIC = 13  # the wrapped object
    CLASS_METHOD = 14  # the wrapped object
    PARTIAL = 15  # callee, call site that gave the first arguments
    SITE = 16  # call site, whose fields are the temporaries of a model
    PROPERTY_STEP = 17  # property or dispatching function, key: ``p.setter``, which takes a function
    ACCESS = 18  # property or descriptor, object that it is read from: its getter runs where the result arrives
    PARTIAL_METHOD = 19  # as for PARTIAL; the instance becomes the first argument
    FACTORY = 20  # the callable that creates the default of a dataclass's field
    PREFIX = 21  # a text with a known prefix: the first key with that prefix, and the first key after all of them
    DISPATCH = 22  # single-dispatch function
    NAMESPACE = 23  # object whose attributes are its items: ``__dict__``


class Shape(IntEnum):
    """The built-in types of literals, and some container types of the standard library."""

    LIST = 1
    TUPLE = 2
    SET = 3
    DICT = 4
    GENERATOR = 5
    STR = 6
    BYTES = 7
    INT = 8
    FLOAT = 9
    COMPLEX = 10
    BOOL = 11
    NONE = 12
    ELLIPSIS = 13
    DEQUE = 14
    QUEUE = 15
    FUTURE = 16


SHAPES = 32
_BITS: Ints = 1 << np.arange(max(Kind) + 1)


class Heap:
    """All objects and places, numbered from 1; the first places are the variables and temporaries of the source."""

    def __init__(self, places: int) -> None:
        """Start with the places of the source and no object."""
        self.next_object = 1
        self.next_place = places + 1
        self.kind, self.first, self.second, self.depth, self.root = (GrowingColumn(1024) for _ in range(5))
        self.view_target, self.view_self = GrowingColumn(self.next_place), GrowingColumn(self.next_place)
        self.source, self.context = GrowingColumn.of(np.arange(self.next_place)), GrowingColumn(self.next_place)
        self._by_kind = {kind: PairNumbers() for kind in Kind}
        self.fields = PairNumbers()
        self._views = PairNumbers()
        self._reads = PairNumbers()
        self._placed = PairNumbers()
        self._new_fields: list[Ints] = []

    def object(self, kind: Kind, first: Ints, second: Ints | None = None) -> Ints:
        """The objects of a kind with these ids."""
        second = np.zeros_like(first) if second is None else second
        numbers, new = self._by_kind[kind].number(pack(first, second), self.next_object)
        if len(new):
            end = self.next_object + len(new)
            for column in (self.kind, self.first, self.second, self.depth, self.root):
                column.reach(end)
            made = slice(self.next_object, end)
            self.kind[made] = kind
            self.first[made], self.second[made] = new >> HALF, new & LOWER
            if kind is Kind.EXTERNAL:
                parents = new >> HALF
                self.depth[made] = self.depth[parents] + 1
                self.root[made] = np.where(parents > 0, self.root[parents], np.arange(self.next_object, end))
            self.next_object = end
        return numbers

    def shape(self, containers: Ints) -> Ints:
        """The shapes of containers."""
        return self.second[containers] % SHAPES

    def existing(self, kind: Kind, first: Ints) -> Ints:
        """The objects of a kind with this one id; 0 if there is none yet."""
        return self._by_kind[kind].find(pack(first, np.zeros_like(first)))

    def field(self, objects: Ints, keys: Ints | int) -> Ints:
        """The places of objects' attributes or items."""
        numbers, new = self.fields.number(pack(objects, keys), self.next_place)
        if len(new):
            self._new_fields.append(np.stack([new, np.arange(self.next_place, self.next_place + len(new))]))
            self._grow(len(new))
        return numbers

    def read(self, objects: Ints, keys: Ints, *, implicit: Mask) -> Ints:
        """The places of attribute reads, shared by all readers; ``implicit``: looked up on the type alone."""
        numbers, new = self._reads.number(pack(objects, keys * 2 + implicit), self.next_place)
        self._grow(len(new))
        return numbers

    def view(self, targets: Ints, selves: Ints, *, binds: bool) -> Ints:
        """The views that pass class attributes, read through ``selves``, to ``targets``; ``binds``: as methods."""
        numbers, new = self._views.number(pack(targets, selves * 2 + binds), self.next_place)
        if len(new):
            made = slice(self.next_place, self.next_place + len(new))
            self._grow(len(new))
            self.view_target[made], self.view_self[made] = new >> HALF, new & LOWER
        return numbers

    def placed(self, places: Ints, contexts: Ints) -> Ints:
        """The places that places of the source have in contexts; in context 0 they are the same."""
        found, inside = places.copy(), (contexts > 0) & (places > 0)
        numbers, new = self._placed.number(pack(places[inside], contexts[inside]), self.next_place)
        if len(new):
            made = slice(self.next_place, self.next_place + len(new))
            self._grow(len(new))
            self.source[made], self.context[made] = new >> HALF, new & LOWER
        found[inside] = numbers
        return found

    def spelled(self, places: Ints) -> Ints:
        """The places outside contexts; any other place is itself."""
        return np.where(self.source[places] > 0, self.source[places], places)

    def adopt(self, objects: Ints, keys: Ints, places: Ints) -> None:
        """Make places of the source fields, as a class's variables are its attributes; each pair may be given once."""
        codes = pack(objects, keys)
        order = np.argsort(codes)
        self.fields.put(codes[order], places[order])
        self._new_fields.append(np.stack([codes, places])[:, order])

    def field_at(self, places: Ints) -> tuple[Ints, Ints]:
        """The object and key of places that are fields or attribute reads; 0 for other places."""
        holders, keys = np.zeros((2, len(places)), np.int64)
        sought, which = numbered(places)
        for pairs, bits in ((self.fields, 0), (self._reads, 1)):
            codes, numbers = pairs.all()
            here = is_in(numbers, sought)
            code_of = np.zeros(len(sought), np.int64)
            code_of[sought.searchsorted(numbers[here])] = codes[here]
            found = code_of[which]
            holders += found >> HALF
            keys += (found & LOWER) >> bits
        return holders, keys

    def take_new_fields(self) -> tuple[Ints, Ints]:
        """The fields made since the last call: packed (object, key), and place."""
        codes, places = np.concatenate([np.empty((2, 0), np.int64), *self._new_fields], axis=1)
        self._new_fields.clear()
        return codes, places

    def is_of(self, objects: Ints, *kinds: Kind) -> Mask:
        """Which objects are of one of the kinds."""
        found = self.kind.values[objects]
        if len(kinds) == 1:
            mask: Mask = found == kinds[0]
            return mask
        return _BITS[found] & sum(1 << kind for kind in kinds) > 0

    def is_in_context(self, objects: Ints) -> Mask:
        """Which objects are functions in a context, instances that are told apart, or methods of either."""
        of_method = self.kind[objects] == Kind.METHOD
        functions, selves = (np.where(of_method, column[objects], objects) for column in (self.first, self.second))
        mask: Mask = self.is_of(functions, Kind.FUNCTION) & (self.second[functions] > 0)
        return mask | (self.is_of(selves, Kind.INSTANCE) & (self.second[selves] > 0))

    def external(self, parents: Ints, keys: Ints) -> Ints:
        """The attributes of externals."""
        return self.object(Kind.EXTERNAL, parents, keys)

    def dotted(self, keys: Ints) -> Ints:
        """The external that each row of keys leads to; shape (rows, steps), padded with 0."""
        reached = np.zeros(len(keys), np.int64)
        for step in keys.T:
            on = step > 0
            reached[on] = self.external(reached[on], step[on])
        return reached

    def _grow(self, count: int) -> None:
        self.next_place += count
        for column in (self.view_target, self.view_self, self.source, self.context):
            column.reach(self.next_place)
