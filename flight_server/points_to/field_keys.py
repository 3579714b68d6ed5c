"""Keys: the names of attributes and items, numbered.

The key of an attribute is its name. The key of an item is ``[`` and the repr of its subscript (``['name'``, ``[0``), so
one column can have both. Keys that start with ``#`` are fields that only the solver uses; no source can spell them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from flight_server.points_to.integer_columns import Ints, Mask, ints
from flight_server.points_to.interned_strings import Interned, Strings, flags, interned

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
_NAMES = (
    "__init__ __new__ __call__ __get__ __set__ __class__ __self__ __post_init__ __init_subclass__ metaclass "
    "register setter getter deleter __getattr__ __getattribute__ __setattr__ __set_name__ __dict__ "
    "__prepare__ __enter__ __aenter__ __iter__ __name__ __all__ builtins () *"
)
_SPECIAL = (
    *(EVERY, SOME, DICT_KEYS, SLICE, INIT, NEW, CALL, POST_INIT, GET_ATTRIBUTE, SET_ATTRIBUTE, PREPARED, CREATED),
    *(INITIALISED, SUBCLASSED, REGISTERED, RETURNED, *TEMPORARIES, *_POSITION_KEYS, *_NAMES.split()),
)
_NUMBER = r"^\[\d{1,4}$"


@dataclass(frozen=True)
class FieldKeys:
    """All keys of a repo.

    By key: ``item_of`` maps a name to the item of that name, ``name_of`` is the reverse; ``position`` is an item's
    position, else -1. ``is_item`` marks items, including three keys of the solver; ``is_exact`` marks items with a
    known subscript, ``is_text`` string subscripts, ``is_backward`` positions from the end, ``is_private`` names that a
    star import leaves out, ``is_special`` names of special methods. ``at`` has the keys of the first POSITIONS
    positions.
    """

    all: Interned
    numbers: Mapping[str, int]
    item_of: Ints
    name_of: Ints
    position: Ints
    at: Ints
    is_item: Mask
    is_exact: Mask
    is_text: Mask
    is_backward: Mask
    is_private: Mask
    is_special: Mask

    def __getitem__(self, text: str) -> int:
        """The number of a fixed key."""
        return self.numbers[text]

    def find(self, texts: Strings) -> Ints:
        """The numbers of keys by their text; 0 for texts that are not keys."""
        return self.all.find(texts)


def number_keys(names: Sequence[Strings], items: Sequence[Strings], fixed: Sequence[str]) -> FieldKeys:
    """Keys for attribute and variable names, for subscripts' reprs, and for names that the rules refer to.

    Each name is also the key of an item, since keyword arguments become items of a dictionary.
    """
    texts = interned([*names, pa.array(fixed, pa.string())]).values
    of_names = pc.binary_join_element_wise("['", texts, "'", "")
    spelled = [pc.binary_join_element_wise("[", item, "") for item in items]
    every = interned([texts, of_names, *spelled, pa.array(_SPECIAL)])
    item_of, name_of = np.zeros((2, len(every.values) + 1), np.int64)
    name_numbers, item_numbers = every.find(texts), every.find(of_names)
    item_of[name_numbers], name_of[item_numbers] = item_numbers, name_numbers
    position = np.full(len(every.values) + 1, -1)
    is_number = _matching(every, _NUMBER)
    numerals = pc.utf8_slice_codeunits(every.values.filter(pa.array(is_number[1:])), 1).cast(pa.int64())
    position[is_number] = numerals.to_numpy(zero_copy_only=False)
    needed = [*fixed, *_SPECIAL]
    numbers = dict(zip(needed, every.find(pa.array(needed)).tolist(), strict=True))
    return FieldKeys(
        all=every,
        numbers=numbers,
        item_of=item_of,
        name_of=name_of,
        position=ints(position),
        at=ints([numbers[text] for text in _POSITION_KEYS]),
        is_item=_matching(every, r"^(\[|#every item|#item at|#keys)"),
        is_exact=_matching(every, r"^\[[^-:]"),
        is_text=_matching(every, r"^\[['\"]"),
        is_backward=_matching(every, r"^\[-\d"),
        is_private=_matching(every, "^_"),
        is_special=_matching(every, r"^__\w+__$"),
    )


def _matching(keys: Interned, pattern: str) -> Mask:
    return np.concatenate([[False], flags(pc.match_substring_regex(keys.values, pattern))])
