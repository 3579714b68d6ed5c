"""Digests of 128 bits for rows of strings, equal on every machine, and their encoding in 22 characters.

A string is a row of 64-bit words, padded with zeros. Each word is multiplied by a constant of its position and mixed as
in SplitMix64's finalizer (public domain); the results are added up in two sums. A zero word adds nothing, so padding
makes no difference; the length of a string counts as a word. The digests are not cryptographic: only values that are
constructed to collide have equal digests.
"""

from collections.abc import Sequence
from hashlib import blake2b

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

Words = npt.NDArray[np.uint64]

_BYTES = 8
_BLOCK = 1 << 13  # rows at a time, so that their words stay in the processor's cache
_LONGEST = 512  # bytes
_PLACES = 1 << 32  # more words than any string has
_GAMMA, _FIRST, _SECOND, _LAST = 0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0xFF51AFD7ED558CCD, 0x94D049BB133111EB
_ALPHABET = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
_PAIRS = np.frombuffer(b"".join(bytes((a, b)) for a in _ALPHABET for b in _ALPHABET), np.uint16)
_SHIFTS = ((52, 40, 28, 16, 4), (44, 32, 20, 8))


def digests(seed: str, columns: Sequence[pa.Array]) -> Words:
    """Two words for each row, from the seed and the row's strings; null counts as the empty string."""
    size = len(columns[0])
    start = np.frombuffer(blake2b(seed.encode(), digest_size=2 * _BYTES).digest(), "<u8").astype(np.uint64)
    sums = np.repeat(start[:, None], size, axis=1)
    for number, column in enumerate(map(_shortened, columns)):
        words = _words(column)
        lengths = np.asarray(pc.binary_length(column)).astype(np.uint64)
        factors = [_factor(number * _PLACES + place) for place in range(words.shape[1] + 1)]
        for low in range(0, size, _BLOCK):
            block = slice(low, low + _BLOCK)
            for each, factor in zip((lengths[block], *words[block].T), factors, strict=True):
                _add(sums[:, block], each, factor)
    sums ^= sums >> np.uint64(32)
    sums *= np.uint64(_LAST)
    sums ^= sums >> np.uint64(29)
    return sums


def spelled(prefix: str, sums: Words) -> pa.Array:
    """For each row the prefix, and its two words in 22 characters of base64url."""
    size, at = sums.shape[1], len(prefix)
    width = at + 22
    text = np.empty((size, width), np.uint8)
    text[:, :at] = np.frombuffer(prefix.encode(), np.uint8)
    for low in range(0, size, _BLOCK):
        high, rest = sums[:, low : low + _BLOCK]
        middle = (high << np.uint64(8)) | (rest >> np.uint64(56))
        words = [
            *(high >> np.uint64(shift) for shift in _SHIFTS[0]),
            middle,
            *(rest >> np.uint64(shift) for shift in _SHIFTS[1]),
            rest << np.uint64(4),
        ]
        pairs = np.stack([_PAIRS[word & np.uint64(0xFFF)] for word in words], axis=1)
        text[low : low + _BLOCK, at:] = pairs.view(np.uint8)
    offsets = np.arange(size + 1, dtype=np.int32) * np.int32(width)
    return pa.StringArray.from_buffers(size, pa.py_buffer(offsets), pa.py_buffer(text))


def _factor(place: int) -> np.uint64:
    """An odd constant for each position of a word."""
    return np.uint64((_GAMMA * (2 * place + 1)) % (1 << 64))


def _add(sums: Words, words: Words, factor: np.uint64) -> None:
    mixed = words * factor
    mixed ^= mixed >> np.uint64(32)
    sums[0] += mixed * np.uint64(_FIRST)
    mixed ^= mixed >> np.uint64(29)
    mixed *= np.uint64(_SECOND)
    mixed ^= mixed >> np.uint64(32)
    sums[1] += mixed


def _shortened(column: pa.Array) -> pa.Array:
    """The strings, with long ones replaced by digests, because padding to their length would take too much memory."""
    column = pc.fill_null(column, "")
    is_long = pc.greater(pc.binary_length(column), _LONGEST)
    if not pc.any(is_long).as_py():
        return column
    short = [blake2b(text.encode()).hexdigest() for text in column.filter(is_long).to_pylist()]
    return pc.replace_with_mask(column, is_long, pa.array(short, column.type))


def _words(column: pa.Array) -> Words:
    """The words of the strings; shape (strings, words of the longest string)."""
    longest = pc.max(pc.binary_length(column)).as_py() or 0
    width = -(-longest // _BYTES)
    padded = pc.ascii_rpad(column.cast(pa.large_string()), width * _BYTES, padding="\0")
    data = np.frombuffer(padded.buffers()[2] or b"", "<u8")
    return data[: len(column) * width].reshape(len(column), width).astype(np.uint64, copy=False)
