"""Converts many source positions (line and character) in many files to byte offsets, and cuts out their text.

The files' texts follow one another in one buffer of UTF-8. A character is a code unit of UTF-8, UTF-16 or UTF-32. The
encodings differ only after characters of more than one byte, which are few, so a binary search over these is enough.
A line ends in LF, CR LF or a lone CR.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from flight_server.kernels.arrays import Bools, Ints, spread

UTF8, UTF16, UTF32 = 8, 16, 32
OUT_OF_RANGE = -1

Bytes = npt.NDArray[np.uint8]

_CR, _LF = 0x0D, 0x0A
# The lowest first byte of a character of two, three and four bytes.
_LEADS = np.array([0xC0, 0xE0, 0xF0], np.uint8)


@dataclass(frozen=True)
class LineIndex:
    """The files' texts and the offsets of their lines in ``utf8``.

    ``starts`` has the offset of each file, and the end. ``first_lines`` has the number of each file's first line,
    counted over all files, and the total. A line is ``line_starts`` to ``line_ends``, without its newline. ``wide`` has
    the offsets of characters of more than one byte, ``widths`` their sizes in bytes.
    """

    utf8: Bytes
    starts: Ints
    first_lines: Ints
    line_starts: Ints
    line_ends: Ints
    wide: Ints
    widths: Ints

    def offsets(self, files: Ints, lines: Ints, characters: Ints, encodings: Ints) -> Ints:
        """The byte offset of each position in its file; OUT_OF_RANGE if the file has no such position.

        ``files`` are rows of the table that the texts came from, ``encodings`` UTF8, UTF16 or UTF32. Lines and
        characters count from 0.
        """
        found = (lines >= 0) & (characters >= 0) & (lines < np.diff(self.first_lines)[files])
        line = np.where(found, self.first_lines[files] + lines, 0)
        offset = np.full(len(files), OUT_OF_RANGE, np.int64)
        for encoding in (UTF8, UTF16, UTF32):
            chosen = found & (encodings == encoding)
            offset[chosen] = self._bytes(self.line_starts[line[chosen]], characters[chosen], encoding)
        inside = found & (offset <= self.line_ends[line])
        inside[inside] = ~self._within_character(offset[inside])
        return np.where(inside, offset - self.starts[files], OUT_OF_RANGE)

    def only_ascii(self, files: Ints, lines: Ints) -> Bools:
        """Whether a line has only one-byte characters, so that its positions are the same in every encoding."""
        line = np.minimum(self.first_lines[files] + np.maximum(lines, 0), len(self.line_starts) - 1)
        before, after = (np.searchsorted(self.wide, bounds[line]) for bounds in (self.line_starts, self.line_ends))
        return np.equal(before, after)

    def cut(self, files: Ints, starts: Ints, ends: Ints) -> pa.Array:
        """The text of each span of bytes; null if the file is -1 or the span has no start."""
        known = (files >= 0) & (starts >= 0)
        return self._texts(np.where(known, self.starts[files] + starts, 0), np.where(known, ends - starts, 0), known)

    def lines(self, files: Ints, lines: Ints) -> pa.Array:
        """The text of each line, from 1, without its newline; null if the file has no such line."""
        known = (files >= 0) & (lines > 0) & (lines <= np.append(np.diff(self.first_lines), 0)[files])
        line = (self.first_lines[files] + lines - 1)[known]
        starts, sizes = np.zeros((2, len(files)), np.int64)
        starts[known], sizes[known] = self.line_starts[line], (self.line_ends - self.line_starts)[line]
        return self._texts(starts, sizes, known)

    def _texts(self, starts: Ints, sizes: Ints, known: Bools) -> pa.Array:
        offsets = pa.array(np.append(0, np.cumsum(sizes)), pa.int64())
        data = pa.py_buffer(self.utf8[spread(starts, sizes)].tobytes())
        texts = pa.LargeStringArray.from_buffers(len(sizes), offsets.buffers()[1], data)
        return pc.if_else(pa.array(known), texts, None).cast(pa.string())

    def _bytes(self, line_starts: Ints, characters: Ints, encoding: int) -> Ints:
        """The offset ``characters`` code units after the start of a line."""
        if encoding == UTF8 or not len(self.wide):
            return line_starts + characters
        units = self.widths // 2 if encoding == UTF16 else np.ones_like(self.widths)
        saved = np.concatenate(([0], np.cumsum(self.widths - units)))  # bytes beyond the units, up to each
        unit_starts = line_starts - saved[np.searchsorted(self.wide, line_starts)]
        wanted = unit_starts + characters
        return wanted + saved[np.searchsorted(self.wide - saved[:-1], wanted)]

    def _within_character(self, offsets: Ints) -> Bools:
        """Whether the offset is inside a character: after its first byte and before its end."""
        if not len(self.wide):
            return np.zeros(len(offsets), dtype=bool)
        before = np.searchsorted(self.wide, offsets) - 1
        return (before >= 0) & (offsets < (self.wide + self.widths)[before])


def line_index(texts: pa.ChunkedArray) -> LineIndex:
    """The line index of a column of texts; null counts as the empty text."""
    strings = pc.fill_null(texts, "").cast(pa.large_string()).combine_chunks()
    _, offsets, data = strings.buffers()
    bounds = np.frombuffer(offsets, np.int64)[strings.offset : strings.offset + len(strings) + 1]
    utf8 = np.frombuffer(b"" if data is None else data, np.uint8)[bounds[0] : bounds[-1]]
    starts = bounds - bounds[0]
    files, line_starts, line_ends = _lines(utf8, starts)
    wide = np.flatnonzero(utf8 >= _LEADS[0])
    widths = 1 + np.searchsorted(_LEADS, utf8[wide], "right").astype(np.int64)
    return LineIndex(utf8, starts, np.searchsorted(files, np.arange(len(starts))), line_starts, line_ends, wide, widths)


def _lines(utf8: Bytes, starts: Ints) -> tuple[Ints, Ints, Ints]:
    """For each line the row of its file, its start, and its end without the newline."""
    is_first = np.zeros(len(utf8) + 1, dtype=bool)  # the first byte of a file
    is_first[starts] = True
    line_feeds, returns = np.flatnonzero(utf8 == _LF), np.flatnonzero(utf8 == _CR)
    paired = returns[:-1] if len(returns) and returns[-1] + 1 == len(utf8) else returns
    paired = paired[(utf8[paired + 1] == _LF) & ~is_first[paired + 1]]
    lone = np.setdiff1d(returns, paired)
    breaks = np.concatenate((line_feeds, lone)) + 1  # where newlines end
    sizes = 1 + np.isin(breaks, paired + 2)
    count = len(starts) - 1
    file = np.concatenate((np.arange(count), np.searchsorted(starts, breaks - 1, "right") - 1))
    start = np.concatenate((starts[:-1], breaks))
    newline = np.concatenate((np.zeros(count, np.int64), sizes))  # the one before the line
    order = np.lexsort((start, file))
    file, start, newline = file[order], start[order], newline[order]
    end = starts[1:][file]
    has_next = np.flatnonzero(file[1:] == file[:-1])
    end[has_next] = (start - newline)[has_next + 1]
    return file, start, end
