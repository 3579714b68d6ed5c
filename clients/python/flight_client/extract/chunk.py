"""A chunk: a few files, extracted one after another into a record batch per table.

A file that can't be read, decoded, parsed or walked gives a row in ``cst_parse_errors``, whose ``meta`` says at which
``stage`` it failed, and one in ``ast_errors``; it stops nothing.
"""

import ast
import contextlib
import gc
import hashlib
import threading
import warnings
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pyarrow as pa

from flight_client.contracts.ids import file_id
from flight_client.extract.depth import PARSE_DEPTH, STACK_BYTES, WALK_DEPTH, recursion
from flight_client.extract.failures import Failure
from flight_client.extract.layers import DEFAULT_LAYERS, layer_tables, tables_of, text_tables
from flight_client.extract.modules import Module
from flight_client.extract.notebooks import NOTEBOOK_SUFFIX
from flight_client.extract.source import Source, decode, decode_notebook, printable, read
from flight_client.extract.tables import Columns, Row, Rows, columns_of
from flight_client.extract.walk import Walk

# What a hostile file can make the interpreter raise; a syntax error with offsets is one of them.
SOURCE_ERRORS = (SyntaxError, ValueError, LookupError, RecursionError, MemoryError, OverflowError)


@dataclass(frozen=True)
class Member:
    """A file of a chunk: its path in the repo, where it is, and the name of its module."""

    path: str
    abs_path: str
    module: str
    is_package: bool


@dataclass(frozen=True)
class Chunk:
    """Files of one part, in order of path, and the layers that are wanted of them."""

    repo: str
    members: tuple[Member, ...]
    layers: tuple[str, ...] = DEFAULT_LAYERS

    @property
    def tables(self) -> tuple[str, ...]:
        """The tables that are extracted."""
        return tables_of(self.layers)


class _FileRows:
    """One file's rows by table; parts of it stand even where a later stage fails."""

    def __init__(self, member: Member, repo: str, layers: tuple[str, ...]) -> None:
        self.member = member
        self.file_id = file_id(repo, member.path)
        self.layers = layers
        self.stage = "read"
        self.tables: dict[str, Columns] = {}

    def extract(self) -> None:
        """Fill in the tables as far as the file allows; raises what stopped it."""
        member = self.member
        data = read(member.abs_path)
        self.stage = "decode"
        self.tables["repo_files"] = columns_of([self._repo_file(data, None)])
        source = (decode_notebook if member.path.endswith(NOTEBOOK_SUFFIX) else decode)(data)
        self.tables["repo_files"] = columns_of([self._repo_file(data, source)])
        self.tables |= text_tables(self.layers, source)
        self.stage = "parse"
        with recursion(PARSE_DEPTH):
            tree = ast.parse(source.code)
        self.stage = "walk"
        walk = Walk(source, Module(name=member.module, is_package=member.is_package), self.file_id)
        with recursion(WALK_DEPTH):
            walk.walk(tree)
            self.tables |= layer_tables(self.layers, tree, walk)

    def _repo_file(self, data: bytes, source: Source | None) -> Row:
        member = self.member
        digest = hashlib.sha256(data).hexdigest()
        encoding, text = (None, None) if source is None else (source.encoding, source.text)
        kept = None if source is not None and source.utf8 == data else data
        return (
            digest,
            printable(member.abs_path),
            len(data),
            encoding,
            text,
            kept,
            member.module,
            member.is_package,
            None if source is None else source.cells,
        )


def extract_chunk(chunk: Chunk) -> Iterator[pa.RecordBatch]:
    """A batch for each of the chunk's tables, in that order, also those without rows.

    Each is made when it is asked for, and its rows are then dropped: who passes batches on holds no more than one.
    """
    with _uncollected():
        with ThreadPoolExecutor(max_workers=1) as deep, _quiet():
            before = threading.stack_size(STACK_BYTES)
            try:
                future = deep.submit(_extract_files, chunk)
            finally:
                threading.stack_size(before)
            files = future.result()
        yield from _batches(chunk, files)


def _extract_files(chunk: Chunk) -> list[_FileRows]:
    files = []
    for member in chunk.members:
        found = _FileRows(member, chunk.repo, chunk.layers)
        try:
            found.extract()
        except FileNotFoundError:
            continue  # it was deleted since it was listed: it has no rows, as at the next ingest
        except (OSError, *SOURCE_ERRORS) as error:
            found.tables |= Failure.of(found.stage, error).tables()
        files.append(found)
    return files


def lost_chunk(chunk: Chunk, message: str) -> list[pa.RecordBatch]:
    """The batches for files whose worker died: an error row for each."""
    files = [_FileRows(member, chunk.repo, chunk.layers) for member in chunk.members]
    for found in files:
        found.tables |= Failure("worker", "WorkerDied", message).tables()
    return list(_batches(chunk, files))


def _batches(chunk: Chunk, files: Sequence[_FileRows]) -> Iterator[pa.RecordBatch]:
    for table in chunk.tables:
        rows = Rows(table)
        for found in files:
            rows.add(found.file_id, found.member.path, found.tables.pop(table, ()))
        batch = rows.batch()
        del rows
        yield batch


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """No warnings about the source: of bad escapes, say."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@contextlib.contextmanager
def _uncollected() -> Iterator[None]:
    """No garbage collection: it would walk trees and rows, and find nothing, as none of them is part of a cycle."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
