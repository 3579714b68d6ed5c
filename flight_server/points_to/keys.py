"""Keys: the names of attributes and items, numbered.

An attribute's key is its name, an item's is ``[`` and the repr of its subscript (``['name'``, ``[0``), so one column
holds both. Keys that start with ``#`` name fields of our own; no source can spell them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from flight_server.points_to.columns import Ints, Mask, ints
from flight_server.points_to.interning import Strings, Texts, texts

EVERY = "#every item"
SOME = "#item at an unknown position"
DICT_KEYS = "#keys"
INIT = "#bound __init__"
NEW = "#bound __new__"
CALL = "#bound __call__"
POST_INIT = "#bound __post_init__"
GET_ATTRIBUTE = "#bound __getattr__"
PREPARED = "#metaclass's __prepare__"
SET_ATTRIBUTE = "#bound __setattr__"
CREATED = "#metaclass's __new__"
INITIALISED = "#metaclass's __init__"
SUBCLASSED = "#bases' __init_subclass__"
REGISTERED = "#registered"
RETURNED = "#returned"
TEMPORARIES = tuple(f"#temporary {number}" for number in range(24))
POSITIONS = 64
SLICE = "[:"

_POSITION_KEYS = tuple(f"[{position}" for position in range(POSITIONS))
_SPECIAL = (
    *(
        EVERY,
        SOME,
        DICT_KEYS,
        SLICE,
        INIT,
        NEW,
        CALL,
        POST_INIT,
        GET_ATTRIBUTE,
        SET_ATTRIBUTE,
        PREPARED,
        CREATED,
        INITIALISED,
        SUBCLASSED,
        REGISTERED,
        RETURNED,
        *TEMPORARIES,
        *_POSITION_KEYS,
    ),
    *(
        "__init__",
        "__new__",
        "__call__",
        "__get__",
        "__set__",
        "__class__",
        "__self__",
        "__post_init__",
        "__init_subclass__",
        "metaclass",
    ),
    *(
        "register",
        "setter",
        "getter",
        "deleter",
        "__getattr__",
        "__getattribute__",
        "__setattr__",
        "__set_name__",
        "__dict__",
        "__prepare__",
        "__enter__",
        "__aenter__",
        "__iter__",
        "__name__",
        "__all__",
        "builtins",
        "()",
        "*",
    ),
)
_NUMBER = r"^\[\d{1,4}$"


@dataclass(frozen=True)
class Keys:
    """All keys of a repo.

    By key: ``item_of`` has for a name the item of that name, ``name_of`` the reverse; ``position`` the number that an
    item spells, else -1. ``is_item`` are the keys of items, our own three included; ``is_exact`` those that say which
    item is meant, ``is_text`` those of strings, ``is_backward`` of positions from the end. ``at`` has the keys of small
    positions.
    """

    all: Texts
    numbers: Mapping[str, int]
    item_of: Ints
    name_of: Ints
    position: Ints
    at: Ints
    is_item: Mask
    is_exact: Mask
    is_text: Mask
    is_backward: Mask

    def __getitem__(self, text: str) -> int:
        """The number of a key that is known to exist."""
        return self.numbers[text]

    @property
    def slice(self) -> int:
        """The key of a slice."""
        return self.numbers[SLICE]

    @property
    def private(self) -> Mask:
        """Which keys are names that a star import leaves out."""
        return _matching(self.all, "^_")


def number_keys(names: Sequence[Strings], items: Sequence[Strings], fixed: Sequence[str]) -> Keys:
    """Keys for attribute and variable names, for subscripts' reprs, and for names that the rules know.

    Each name is also an item's key: keyword arguments become items of a dictionary.
    """
    known = texts([*names, pa.array(fixed, pa.string())])
    special = pa.array(_SPECIAL)
    every = texts(
        [known.values, _as_item(known.values), *(pc.binary_join_element_wise("[", item, "") for item in items), special]
    )
    items_of_names = every.find(_as_item(known.values))
    item_of, name_of = (np.zeros(len(every.values) + 1, np.int64) for _ in range(2))
    name_numbers = every.find(known.values)
    item_of[name_numbers], name_of[items_of_names] = items_of_names, name_numbers
    position = np.full(len(every.values) + 1, -1)
    is_number = pc.match_substring_regex(every.values, _NUMBER).to_numpy(zero_copy_only=False)
    spelled = pc.utf8_slice_codeunits(every.values.filter(pa.array(is_number)), 1).cast(pa.int64())
    position[1:][is_number] = spelled.to_numpy(zero_copy_only=False)
    numbers = dict(zip(_SPECIAL, every.find(special).tolist(), strict=True))
    fixed_numbers = dict(zip(fixed, every.find(pa.array(fixed)).tolist(), strict=True))
    return Keys(
        all=every,
        numbers=fixed_numbers | numbers,
        item_of=item_of,
        name_of=name_of,
        position=ints(position),
        at=ints([numbers[text] for text in _POSITION_KEYS]),
        is_item=_matching(every, r"^(\[|#every item|#item at|#keys)"),
        is_exact=_matching(every, r"^\[[^-:]"),
        is_text=_matching(every, r"^\[['\"]"),
        is_backward=_matching(every, r"^\[-\d"),
    )


def _matching(keys: Texts, pattern: str) -> Mask:
    found = pc.match_substring_regex(keys.values, pattern).to_numpy(zero_copy_only=False)
    mask: Mask = np.concatenate([[False], found])
    return mask


def _as_item(names: pa.Array) -> pa.Array:
    return pc.binary_join_element_wise("['", names, "'", "")
