"""One file's source: its bytes, its encoding (PEP 263), its text, and where its lines begin."""

import io
import os
import re
import stat
import tokenize
from bisect import bisect_right
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate

from flight_client.extract.notebooks import Notebook

MAX_FILE_BYTES = 8 << 20

_FIRST_LINES = re.compile(rb"([^\r\n]*(?:\r\n|\r|\n)?)([^\r\n]*(?:\r\n|\r|\n)?)")
_FIRST_NEWLINE = re.compile(r"\r\n|\r|\n")
_ESCAPED_BYTES, _LAST_BYTE = 0xDC00, 0xFF  # where os.fsdecode puts a byte that is no UTF-8 (PEP 383)
_SURROGATE = re.compile("[\ud800-\udfff]")
_NO_BLOCKING = getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)


class FileTooLargeError(ValueError):
    """A file of more than MAX_FILE_BYTES: its syntax tree would not fit a worker's memory."""


@dataclass(frozen=True)
class Source:
    """A decoded file. ``text`` is what ``encoding`` gives for the file's bytes, newlines as they are, without a BOM.

    Of a notebook it is the cells' text, and ``cells`` says where each is; ``code`` is what the parser is given.
    """

    encoding: str
    text: str
    utf8: bytes
    code: str
    cells: tuple[tuple[int, int, int], ...] | None = None

    @cached_property
    def line_starts(self) -> list[int]:
        """The byte offset of each line: as in the tokenizer, a line ends in LF, CR LF or a lone CR."""
        return list(accumulate(map(len, self.utf8.splitlines(keepends=True)), initial=0))

    def line_and_column(self, offset: int) -> tuple[int, int]:
        """The line, from 1, and the byte column, from 0, of a byte offset."""
        line = bisect_right(self.line_starts, offset)
        return line, offset - self.line_starts[line - 1]

    def cut(self, start: int, end: int) -> str:
        """The text between two byte offsets."""
        if len(self.text) == len(self.utf8):
            return self.text[start:end]
        return self.utf8[start:end].decode(errors="ignore")

    @property
    def newline(self) -> str:
        """The first newline of the text, LF if there is none."""
        found = _FIRST_NEWLINE.search(self.text)
        return found.group() if found else "\n"

    @property
    def has_trailing_newline(self) -> bool:
        """Whether the last line is ended."""
        return self.text.endswith(("\n", "\r"))


def open_regular(path: str) -> io.BufferedReader:
    """Open a file for reading; raises OSError, and also for what is no regular file (a FIFO would never open)."""
    descriptor = os.open(path, os.O_RDONLY | _NO_BLOCKING)
    stream = os.fdopen(descriptor, "rb")
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        stream.close()
        raise OSError(f"{printable(path)} is not a regular file")
    return stream


def read(path: str) -> bytes:
    """The file's bytes; raises OSError and FileTooLargeError."""
    with open_regular(path) as stream:
        data = stream.read(MAX_FILE_BYTES + 1)
    if len(data) > MAX_FILE_BYTES:
        raise FileTooLargeError(f"larger than {MAX_FILE_BYTES >> 20} MiB, which is the most that is read")
    return data


def decode(data: bytes) -> Source:
    """Decode by BOM and cookie, as the interpreter does; raises SyntaxError, LookupError or UnicodeError."""
    lines = _FIRST_LINES.match(data)
    head = io.BytesIO(b"".join(line.rstrip(b"\r\n") + b"\n" for line in lines.groups())) if lines else io.BytesIO()
    encoding, _ = tokenize.detect_encoding(head.readline)
    text = data.decode(encoding)
    return Source(encoding=encoding, text=text, utf8=text.encode(), code=text)


def decode_notebook(data: bytes) -> Source:
    """The code cells of a notebook; raises NotebookError and ValueError."""
    notebook = Notebook.of(data)
    utf8 = notebook.text.encode()
    return Source(encoding="utf-8", text=notebook.text, utf8=utf8, code=notebook.code, cells=notebook.cells)


def printable(text: str) -> str:
    """The text with lone surrogates, which can't stand in UTF-8, escaped; those of undecodable names as their byte."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return _SURROGATE.sub(_escaped, text)
    return text


def _escaped(surrogate: re.Match[str]) -> str:
    code = ord(surrogate.group())
    byte = code - _ESCAPED_BYTES
    return f"\\x{byte:02x}" if 0 <= byte <= _LAST_BYTE else f"\\u{code:04x}"
