"""One file's source text: reading and decoding (PEP 263), the starts of lines, and the spans of names.

``ast`` gives positions of nodes, but a name is often a plain string in a node. Such a name is found from the nearest
position: forward over the text that the grammar allows in between, or backward from the node's end. The span is that
of the spelling in the source. The name itself is normalised (NFKC), so it may differ in length from its span if the
source uses compatibility characters.
"""

import io
import os
import re
import stat
import tokenize
from bisect import bisect_right
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate

from flight_client.extract.notebooks import MAX_NOTEBOOK_BYTES, NOTEBOOK_SUFFIX, Notebook

MAX_FILE_BYTES = 8 << 20

Span = tuple[int, int]

_FIRST_LINES = re.compile(rb"([^\r\n]*(?:\r\n|\r|\n)?)([^\r\n]*(?:\r\n|\r|\n)?)")
_FIRST_NEWLINE = re.compile(r"\r\n|\r|\n")
_ESCAPED_BYTES, _LAST_BYTE = 0xDC00, 0xFF  # os.fsdecode adds this base to a byte that is not UTF-8 (PEP 383)
_SURROGATE = re.compile("[\ud800-\udfff]")
_OPEN_FLAGS = getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)

_WORD = rb"([0-9A-Za-z_\x80-\xff]+)"
_BLANK = rb"[\s\\]*"
_GAP = rb"(?:[\s\\(),]|#[^\r\n]*)*"
_WORD_BYTES = frozenset(byte for byte in range(256) if re.fullmatch(_WORD, bytes([byte])))
# Each pattern matches from the start of the search to the end of the name, which is its group.
IDENTIFIER = re.compile(_WORD)
DEFINITION = re.compile(rb"(?:async" + _BLANK + rb")?(?:def|class)" + _BLANK + _WORD)
STARRED = re.compile(rb"[\s\\*]*" + _WORD)
AS_NAME = re.compile(_GAP + rb"as" + _BLANK + _WORD)
KEYWORD = re.compile(_GAP + _WORD)
REST = re.compile(rb"(?:[\s\\(),{]|#[^\r\n]*)*\*\*(?:[\s\\]|#[^\r\n]*)*" + _WORD)
DECLARED = re.compile(rb"(?:(?:global|nonlocal)\b)?[\s\\,]*" + _WORD)


class FileTooLargeError(ValueError):
    """A file of more than MAX_FILE_BYTES: its syntax tree would not fit a worker's memory.

    Of a notebook its code counts; the file with its outputs may have MAX_NOTEBOOK_BYTES.
    """


class MissingNameError(ValueError):
    """A name that is not at its position in the grammar, because a position in the syntax tree is wrong."""


@dataclass(frozen=True)
class SourceText:
    """A decoded file. ``text`` is the file decoded by ``encoding``, with its own newlines, without a BOM.

    For a notebook ``text`` is that of the cells, whose positions are in ``cells``. ``code`` is the text to parse.
    """

    encoding: str
    text: str
    utf8: bytes
    code: str
    cells: tuple[tuple[int, int, int], ...] | None = None

    @cached_property
    def line_starts(self) -> list[int]:
        """The byte offset of each line; as in the tokenizer, a line ends in LF, CR LF or a lone CR."""
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
        """The first newline of the text; LF if there is none."""
        found = _FIRST_NEWLINE.search(self.text)
        return found.group() if found else "\n"

    def name_after(self, pattern: re.Pattern[bytes], start: int) -> Span:
        """The span of the name that a pattern finds from ``start``; raises MissingNameError."""
        found = pattern.match(self.utf8, start)
        if found is None:
            raise MissingNameError(f"no name after byte {start}, where the syntax tree has one")
        return found.span(1)

    def name_before(self, end: int, name: str) -> Span:
        """The span of a name that ends at ``end``; raises MissingNameError."""
        utf8, start = self.utf8, end - len(name)
        if name.isascii() and utf8[start:end] == name.encode():
            return start, end
        start = end
        while start > 0 and utf8[start - 1] in _WORD_BYTES:
            start -= 1
        if start == end:
            raise MissingNameError(f"no name ends at byte {end}, where the syntax tree has one")
        return start, end


def open_regular(path: str) -> io.BufferedReader:
    """Open a file for reading; raises OSError, also for a file that is not regular (opening a FIFO would block)."""
    descriptor = os.open(path, os.O_RDONLY | _OPEN_FLAGS)
    stream = os.fdopen(descriptor, "rb")
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        stream.close()
        raise OSError(f"{path_text(path)} is not a regular file")
    return stream


def read(path: str) -> bytes:
    """The file's bytes; raises OSError and FileTooLargeError."""
    limit = MAX_NOTEBOOK_BYTES if path.endswith(NOTEBOOK_SUFFIX) else MAX_FILE_BYTES
    with open_regular(path) as stream:
        data = stream.read(limit + 1)
    if len(data) > limit:
        raise FileTooLargeError(f"the file is larger than the limit of {limit >> 20} MiB")
    return data


def decode(data: bytes) -> SourceText:
    """Decode by BOM and cookie, as the interpreter does; raises SyntaxError, LookupError or UnicodeError."""
    lines = _FIRST_LINES.match(data)
    head = io.BytesIO(b"".join(line.rstrip(b"\r\n") + b"\n" for line in lines.groups())) if lines else io.BytesIO()
    encoding, _ = tokenize.detect_encoding(head.readline)
    text = data.decode(encoding)
    return SourceText(encoding=encoding, text=text, utf8=text.encode(), code=text)


def decode_notebook(data: bytes) -> SourceText:
    """The code cells of a notebook; raises NotebookError, FileTooLargeError and ValueError."""
    found = Notebook.of(data)
    utf8 = found.text.encode()
    if len(utf8) > MAX_FILE_BYTES:
        raise FileTooLargeError(f"the notebook's code is larger than the limit of {MAX_FILE_BYTES >> 20} MiB")
    return SourceText("utf-8", found.text, utf8, found.code, found.cells)


def path_text(path: str) -> str:
    """The path of a file as text, the same in every locale: its bytes in UTF-8, any other byte as a hex escape."""
    return path if path.isascii() else printable(os.fsencode(path).decode("utf-8", "surrogateescape"))


def printable(text: str) -> str:
    """The text with escaped lone surrogates, which UTF-8 can't encode; that of an undecodable byte becomes the byte."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return _SURROGATE.sub(_escaped, text)
    return text


def _escaped(surrogate: re.Match[str]) -> str:
    code = ord(surrogate.group())
    byte = code - _ESCAPED_BYTES
    return f"\\x{byte:02x}" if 0 <= byte <= _LAST_BYTE else f"\\u{code:04x}"
