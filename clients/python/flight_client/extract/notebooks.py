"""Jupyter notebooks (nbformat 3 and 4): a notebook's text is its code cells, joined by newlines.

IPython's additional syntax is masked for the parser, byte for byte, so offsets don't change; ``repo_files`` has the
original text. A line magic, a shell command or a question (``%cd x``, ``!ls``, ``len?``) becomes a comment. Inside a
block, which needs a statement, and after ``=`` it becomes the name ``_``, whose value is unknown (in IPython it is the
last result). The code after ``%time`` and ``%timeit`` remains. A cell magic turns its cell into comments, unless it
runs the cell as Python in the same process. A magic without its ``%`` is recognised only in a cell that is not Python.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate

NOTEBOOK_SUFFIX = ".ipynb"
MAX_NOTEBOOK_BYTES = 256 << 20  # of the file with its outputs; its code has the limit of any source
PYTHON_CELLS = frozenset({"time", "timeit", "capture", "prun", "debug"})

_LANGUAGE = re.compile(r"(?:i?python|pyspark)?[\d. ]*", re.IGNORECASE)
_MAGIC_NAMES = (  # IPython's line magics and its aliases of shell commands
    "alias autoawait autocall automagic bookmark cat cd clear colors conda config cp dhist dirs ed edit env gui hist"
    " history ldir less lf lk ll load load_ext ls lsmagic lx macro magic mamba man matplotlib micromamba mkdir more mv"
    " notebook page pdb pdef pdoc pfile pinfo pinfo2 pip popd pprint precision prun psearch psource pushd pwd pycat"
    " pylab quickref recall rehashx reload_ext rep rerun reset reset_selective rm rmdir run save sc set_env store sx"
    " system tb time timeit unalias unload_ext uv who who_ls whos xdel xmode"
)
_MAGICS = frozenset(_MAGIC_NAMES.split())
_CELL_MAGIC = re.compile(r"\s*%%(\w+)[^\r\n]*")
_TIMED = re.compile(r"%?time(?:it)?[ \t]+(?=[^-\s])")
_FIRST_WORD = re.compile(r"\s*(\w+)\s[^=]")
_LINE = re.compile(r"[^\r\n]+")
_NEWLINE = re.compile(r"\r\n?|\n")
# Matches at the beginning of a statement, where none of these is Python: a name and a question mark, or a magic, maybe
# after a target and ``=``.
_MAGIC = re.compile(
    r"(?P<indent>[ \t]*)(?:"
    r"(?P<question>\w[\w.]*\?\??[ \t]*(?=[\r\n]|\Z))"
    r"|(?P<target>[\w.,\[\]'\" \t]*?[\w\])][ \t]*=[ \t]*)[%!]"
    r"|[%!?])"
)
_TOKEN = re.compile(
    r"(?P<open>[(\[{])|(?P<close>[)\]}])|(?P<newline>\r\n?|\n)|\\(?:\r\n|.)|#[^\r\n]*"
    r"|\"{3}(?:\\.|(?!\"{3}).)*(?:\"{3}|\Z)|'{3}(?:\\.|(?!'{3}).)*(?:'{3}|\Z)"
    r"|\"(?:\\.|[^\"\\\r\n])*\"?|'(?:\\.|[^'\\\r\n])*'?|[^()\[\]{}\r\n\\#\"']+",
    re.DOTALL,
)


class NotebookError(ValueError):
    """A file that is not a notebook, or a notebook of another language than Python."""


@dataclass(frozen=True)
class Notebook:
    """A notebook's text, the text masked for the parser, and the positions of its cells.

    ``cells`` has for each code cell its index among all cells of the notebook, and its half-open range of bytes in the
    UTF-8 of the text.
    """

    text: str
    code: str
    cells: tuple[tuple[int, int, int], ...]

    @classmethod
    def of(cls, data: bytes) -> "Notebook":
        """The notebook in a file's bytes; raises NotebookError, and ValueError for data that is not JSON."""
        cells = list(_code_cells(json.loads(data.decode("utf-8-sig"))))
        sources = [source for _, source in cells]
        lengths = [len(source.encode()) for source in sources]
        starts = accumulate((length + 1 for length in lengths), initial=0)
        places = zip(cells, starts, lengths, strict=False)  # the last start is the end
        spans = tuple((number, start, start + length) for (number, _), start, length in places)
        return cls("\n".join(sources), "\n".join(map(masked, sources)), spans)


def masked(cell: str) -> str:
    """The cell, masked so that Python parses it if IPython runs it; each line keeps its number of bytes."""
    if not any(mark in cell for mark in "%!?"):
        return cell
    magic = _CELL_MAGIC.match(cell)
    if magic is not None and magic[1] not in PYTHON_CELLS:
        return commented(cell)
    done = [] if magic is None else [commented(magic[0])]
    at = 0 if magic is None else magic.end()
    depth, is_start = 0, magic is None
    while at < len(cell):
        found = _MAGIC.match(cell, at) if is_start else None
        if found is not None:
            end = _end_of_command(cell, found.end())
            done.append(_masked_magic(found, cell[at:end]))
            at, is_start = end, False
            continue
        token = _TOKEN.match(cell, at)
        if token is None:  # a backslash at the very end
            return "".join([*done, cell[at:]])
        done.append(token[0])
        at = token.end()
        depth = max(depth + (token["open"] is not None) - (token["close"] is not None), 0)
        is_start = token["newline"] is not None and not depth
    return "".join(done)


def _masked_magic(found: re.Match[str], line: str) -> str:
    """A masked line: indentation and assignment target stay, the rest becomes a comment or ``_``."""
    start = len(found["indent"]) + len(found["target"] or "")
    before, command = line[:start], line[start:]
    timed = None if found["target"] else _TIMED.match(command)
    if timed is not None:
        return before + "_;".ljust(timed.end()) + command[timed.end() :]
    if not start:
        return commented(command)
    padding = "#" * (len(command[0].encode()) - 1)
    return f"{before}_{padding}{commented(command[1:])}"


def automagic(cell: str) -> str | None:
    """A cell that is not Python, masked, if it is one line that begins with the name of a magic; else None."""
    found = _FIRST_WORD.match(cell)
    if found is None or found[1] not in _MAGICS or len(cell.splitlines()) > 1:
        return None
    timed = _TIMED.match(cell)
    return commented(cell) if timed is None else "_;".ljust(timed.end()) + cell[timed.end() :]


def commented(lines: str) -> str:
    """Each line as a comment with the same number of bytes; an empty line stays empty."""
    return _LINE.sub(lambda line: "#" * len(line[0][0].encode()) + line[0][1:], lines)


def _end_of_command(cell: str, start: int) -> int:
    """The end of a command: the end of its line, unless a backslash continues it on the next line."""
    for newline in _NEWLINE.finditer(cell, start):
        if cell[newline.start() - 1] != "\\":
            return newline.start()
    return len(cell)


def _code_cells(document: object) -> Iterator[tuple[int, str]]:
    """The code cells with their indexes among all cells; raises NotebookError."""
    if not isinstance(document, dict):
        raise NotebookError("the file is not a notebook: it is not a JSON object")
    _check_language(document.get("metadata"))
    sheets = document.get("worksheets")  # nbformat 3
    cells = document.get("cells") if sheets is None else _cells_of_sheets(sheets)
    if not isinstance(cells, list):
        raise NotebookError("the notebook has no list of cells")
    for number, cell in enumerate(cells):
        if isinstance(cell, dict) and cell.get("cell_type") == "code":
            source = cell.get("source", cell.get("input"))
            lines = [source] if isinstance(source, str) else source
            if not isinstance(lines, list) or not all(isinstance(line, str) for line in lines):
                raise NotebookError(f"the source of cell {number} is neither a string nor a list of strings")
            yield number, "".join(lines)


def _cells_of_sheets(sheets: object) -> list[object]:
    found = [sheet.get("cells") for sheet in sheets if isinstance(sheet, dict)] if isinstance(sheets, list) else []
    return [cell for cells in found if isinstance(cells, list) for cell in cells]


def _check_language(metadata: object) -> None:
    """Raise NotebookError if the notebook names another language than Python; it may name none, or PySpark."""
    described = metadata if isinstance(metadata, dict) else {}
    for key, name in (("kernelspec", "language"), ("language_info", "name")):
        about = described.get(key)
        language = about.get(name) if isinstance(about, dict) else None
        if isinstance(language, str) and not _LANGUAGE.fullmatch(language):
            raise NotebookError(f"the notebook's language is {language!r}; allowed: Python")
