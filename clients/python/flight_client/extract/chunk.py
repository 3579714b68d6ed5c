"""A chunk: a few files, extracted one after another into a record batch per table.

A file that can't be read, decoded, parsed or walked gives a row in ``cst_parse_errors``, whose ``meta`` names the
failed ``stage``, and one in ``ast_errors``; the other files are not affected.
"""

import ast
import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import pyarrow as pa

from flight_client.contracts.ids import file_id
from flight_client.extract.interpreter import PARSE_DEPTH, WALK_DEPTH, in_deep_thread, recursion, uncollected
from flight_client.extract.layers import DEFAULT_LAYERS, layer_tables, tables_of, text_tables
from flight_client.extract.notebooks import NOTEBOOK_SUFFIX
from flight_client.extract.raw_rows import Columns, TableRows, columns_of
from flight_client.extract.source_files import SourceFile
from flight_client.extract.source_text import SourceText, decode, decode_notebook, printable, read
from flight_client.extract.walk_definitions import walk_file

# The interpreter can raise any of these over a hostile file; a syntax error with offsets is one of them.
SOURCE_ERRORS = (SyntaxError, ValueError, LookupError, RecursionError, MemoryError, OverflowError)


@dataclass(frozen=True)
class Chunk:
    """Files of one part, in the order of their paths, and the layers to extract from them."""

    repo: str
    files: tuple[SourceFile, ...]
    layers: tuple[str, ...] = DEFAULT_LAYERS

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
        self.line_starts: Sequence[int] = ()

    def extract(self) -> None:
        """Fill the tables, stage by stage; raises the error of the first stage that fails."""
        data = read(self.file.abs_path)
        digest = hashlib.sha256(data).hexdigest()
        self.stage = "decode"
        self._add_file(digest, data, None)
        source = (decode_notebook if self.file.path.endswith(NOTEBOOK_SUFFIX) else decode)(data)
        self._add_file(digest, data, source)
        self.line_starts = source.line_starts
        self.tables |= text_tables(self.layers, source)
        self.stage = "parse"
        with recursion(PARSE_DEPTH):
            tree = ast.parse(source.code)
        self.stage = "walk"
        with recursion(WALK_DEPTH):
            walk = walk_file(tree, source, self.file.module, self.file_id)
            self.tables |= layer_tables(self.layers, tree, walk)

    def _add_file(self, digest: str, data: bytes, source: SourceText | None) -> None:
        """Add the row of ``repo_files``; it has the file's bytes only if they differ from its text in UTF-8."""
        file = self.file
        encoding, text, cells = (None, None, None) if source is None else (source.encoding, source.text, source.cells)
        undecoded = None if source is not None and source.utf8 == data else data
        content = (encoding, text, undecoded, file.module.name, file.module.is_package, cells)
        self.tables["repo_files"] = columns_of([(digest, printable(file.abs_path), len(data), *content)])

    def fail(self, stage: str, kind: str, message: str, where: Sequence[int | None] = (None,) * 4) -> None:
        """Add one row each to ``cst_parse_errors``, ``ast_errors`` and ``bc_errors``.

        ``where`` has the lines and columns of a SyntaxError, which count from 1; ``cst_parse_errors`` counts columns
        from 0.
        """
        line, column, *end = where
        from_0 = None if column is None else column - 1
        self.tables |= {
            "cst_parse_errors": columns_of([(kind, message, line, from_0, [("stage", stage)])]),
            "ast_errors": columns_of([(kind, message, line, column, *end)]),
            "bc_errors": columns_of([(kind, message)]),
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
    for file in chunk.files:
        found = _FileRows(file, chunk.repo, chunk.layers)
        try:
            found.extract()
        except FileNotFoundError:
            continue  # deleted after it was listed: no rows, as in the next ingest
        except (OSError, *SOURCE_ERRORS) as error:
            _fail(found, error)
        files.append(found)
    return files


def _fail(found: _FileRows, error: Exception) -> None:
    kind, message = type(error).__name__, str(error)
    if isinstance(error, SyntaxError):
        where = (error.lineno, error.offset or None, error.end_lineno, error.end_offset or None)
        found.fail(found.stage, kind, printable(error.msg or ""), where)
        return
    if isinstance(error, OSError):
        message = error.strerror or message
    elif isinstance(error, MemoryError | RecursionError):
        message = message or "the source is too deep or too large for the parser"
    found.fail(found.stage, kind, printable(message))


def lost_chunk(chunk: Chunk, message: str) -> list[pa.RecordBatch]:
    """The batches for files whose worker died: an error row for each."""
    files = [_FileRows(file, chunk.repo, chunk.layers) for file in chunk.files]
    for found in files:
        found.fail("worker", "WorkerDied", message)
    return list(_batches(chunk, files))


def _batches(chunk: Chunk, files: Sequence[_FileRows]) -> Iterator[pa.RecordBatch]:
    for table in chunk.tables:
        rows = TableRows(table)
        for found in files:
            rows.add(found.file_id, found.file.path, found.tables.pop(table, ()), found.line_starts)
        batch = rows.batch()
        del rows
        yield batch
