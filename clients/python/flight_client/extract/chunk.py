"""A chunk: a few files, extracted one after another into a record batch per table.

A file that can't be read, decoded, parsed or walked gives a row in ``cst_parse_errors``, whose ``meta`` names the
failed ``stage``, and one in ``ast_errors``; the other files are not affected. So does each cell of a notebook that
can't be parsed, and ``meta`` has the ``cell``. Such a file has its row in ``repo_files`` too.
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import pyarrow as pa

from flight_client.contracts.ids import file_id
from flight_client.extract.interpreter import WALK_DEPTH, in_deep_thread, recursion, uncollected
from flight_client.extract.layers import DEFAULT_LAYERS, layer_tables, tables_of, text_tables
from flight_client.extract.notebooks import NOTEBOOK_SUFFIX
from flight_client.extract.parsing import Parse, parsing, tree_of
from flight_client.extract.raw_rows import Columns, TableRows, columns_of
from flight_client.extract.source_files import SourceFile
from flight_client.extract.source_text import (
    MAX_FILE_BYTES,
    FileTooLargeError,
    SourceText,
    decode,
    decode_notebook,
    path_text,
    printable,
    read,
)
from flight_client.extract.walk_definitions import walk_file

# The interpreter can raise any of these over a hostile file; a syntax error with offsets is one of them.
SOURCE_ERRORS = (SyntaxError, ValueError, LookupError, RecursionError, MemoryError, OverflowError)

# The class, the message, and the lines and columns of an error, as in ``ast_errors``.
_Error = tuple[str, str, int | None, int | None, int | None, int | None]


@dataclass(frozen=True)
class Chunk:
    """Files of one part, in the order of their paths, and the layers to extract from them.

    The interpreter ``python``, if there is one, parses the files that the running one can't.
    """

    repo: str
    files: tuple[SourceFile, ...]
    layers: tuple[str, ...] = DEFAULT_LAYERS
    python: str | None = None

    @property
    def tables(self) -> tuple[str, ...]:
        """The tables that are extracted."""
        return tables_of(self.layers)


class _FileRows:
    """One file's rows by table; if a stage fails, the rows of earlier stages remain."""

    def __init__(self, file: SourceFile, repo: str, layers: tuple[str, ...]) -> None:
        self.file = file
        self.file_id = file_id(repo, file.path)
        self.layers = layers
        self.stage = "read"
        self.tables: dict[str, Columns] = {}
        self.errors: list[tuple[_Error, list[tuple[str, str]]]] = []
        self.line_starts: Sequence[int] = ()

    def extract(self, parse: Parse) -> None:
        """Fill the tables, stage by stage; raises the error of the first stage that fails."""
        data = read(self.file.abs_path)
        digest = hashlib.sha256(data).hexdigest()
        self.stage = "decode"
        self._add_file(digest, len(data), data, None)
        source = (decode_notebook if self.file.path.endswith(NOTEBOOK_SUFFIX) else decode)(data)
        self._add_file(digest, len(data), data, source)
        self.line_starts = source.line_starts
        self.tables |= text_tables(self.layers, source)
        self.stage = "parse"
        tree, bad_cells = tree_of(source, parse)
        for cell in bad_cells:
            self.fail(described(cell.error, cell.lines_before), [("cell", str(cell.number))])
        self.stage = "walk"
        with recursion(WALK_DEPTH):
            walk = walk_file(tree, source, self.file.module, self.file_id)
            self.tables |= layer_tables(self.layers, tree, walk)

    def add_unread(self, digest: str) -> None:
        """Add the row of ``repo_files`` for a file that was not read; an empty digest is never that of a file."""
        self._add_file(digest, self.file.size, None, None)

    def _add_file(self, digest: str, size: int, data: bytes | None, source: SourceText | None) -> None:
        """Add the row of ``repo_files``; it has the file's bytes only if they differ from its text in UTF-8.

        It has no bytes either if there are more than MAX_FILE_BYTES, as in a notebook with many pictures.
        """
        file = self.file
        encoding, text, cells = (None, None, None) if source is None else (source.encoding, source.text, source.cells)
        is_left_out = size > MAX_FILE_BYTES or (source is not None and source.utf8 == data)
        module = file.module
        named = (module.dotted, module.is_package, module.root, module.reason)
        content = (encoding, text, None if is_left_out else data, *named, cells)
        self.tables["repo_files"] = columns_of([(digest, path_text(file.abs_path), size, *content)])

    def fail(self, error: _Error, meta: Sequence[tuple[str, str]] = ()) -> None:
        """Add a row for an error each to ``cst_parse_errors``, ``ast_errors`` and ``bc_errors``.

        Lines and columns count from 1, but the columns of ``cst_parse_errors`` from 0.
        """
        self.errors.append((error, [("stage", self.stage), *meta]))
        rows = [
            (kind, message, line, None if column is None else column - 1, more)
            for (kind, message, line, column, *_), more in self.errors
        ]
        self.tables |= {
            "cst_parse_errors": columns_of(rows),
            "ast_errors": columns_of([each for each, _ in self.errors]),
            "bc_errors": columns_of([each[:2] for each, _ in self.errors]),
        }


def extract_chunk(chunk: Chunk) -> Iterator[pa.RecordBatch]:
    """A batch for each of the chunk's tables, in their order, also for tables without rows.

    Each batch is built when the iterator reaches it, and its rows are released then, so that only one batch at a time
    is in memory.
    """
    with uncollected():
        files = in_deep_thread(partial(_extract_files, chunk))
        yield from _batches(chunk, files)


def _extract_files(chunk: Chunk) -> list[_FileRows]:
    files = []
    with parsing(chunk.python) as parse:
        for file in chunk.files:
            found = _FileRows(file, chunk.repo, chunk.layers)
            try:
                found.extract(parse)
            except FileNotFoundError:
                continue  # deleted after it was listed: no rows, as in the next ingest
            except (OSError, *SOURCE_ERRORS) as error:
                if "repo_files" not in found.tables:
                    found.add_unread(file.sha256 if isinstance(error, FileTooLargeError) else "")
                found.fail(described(error))
            files.append(found)
    return files


def described(error: Exception, lines_before: int = 0) -> _Error:
    """An error as in ``ast_errors``; its lines count from the one after ``lines_before``."""
    kind, message = type(error).__name__, str(error)
    if isinstance(error, SyntaxError):
        line, end = (None if number is None else number + lines_before for number in (error.lineno, error.end_lineno))
        return kind, printable(error.msg or ""), line, error.offset or None, end, error.end_offset or None
    if isinstance(error, OSError):
        message = error.strerror or message
    elif isinstance(error, MemoryError | RecursionError):
        message = message or "the source is too deep or too large for the parser"
    return kind, printable(message), None, None, None, None


def lost_chunk(chunk: Chunk, message: str) -> list[pa.RecordBatch]:
    """The batches for files whose worker died: an error row for each. The next ingest extracts these files again."""
    files = [_FileRows(file, chunk.repo, chunk.layers) for file in chunk.files]
    for found in files:
        found.stage = "worker"
        found.add_unread("")
        found.fail(("WorkerDied", message, None, None, None, None))
    return list(_batches(chunk, files))


def _batches(chunk: Chunk, files: Sequence[_FileRows]) -> Iterator[pa.RecordBatch]:
    for table in chunk.tables:
        rows = TableRows(table)
        for found in files:
            rows.add(found.file_id, found.file.path, found.tables.pop(table, ()), found.line_starts)
        batch = rows.batch()
        del rows
        yield batch
