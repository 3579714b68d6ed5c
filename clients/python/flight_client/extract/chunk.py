"""A chunk: a few files, extracted one after another into a record batch per table.

A file that can't be read, decoded, parsed or walked gives a row in ``cst_parse_errors`` and stops nothing; ``meta``
there says at which ``stage`` it failed.
"""

import ast
import contextlib
import gc
import hashlib
import sys
import threading
import warnings
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pyarrow as pa

from flight_client.extract.modules import Module
from flight_client.extract.source import Source, decode, printable, read
from flight_client.extract.tables import EXTRACTED, Row, Rows
from flight_client.extract.walk import Walk
from flight_server.contracts.ids import file_id

# What a hostile file can make the interpreter raise; a syntax error with offsets is one of them.
SOURCE_ERRORS = (SyntaxError, ValueError, LookupError, RecursionError, MemoryError, OverflowError)
# A thread of our own gives every file the same stack, whoever calls: so rows don't depend on the number of processes.
STACK_BYTES = 256 << 20
PARSE_DEPTH = 10_000  # the interpreter allows a syntax tree some multiple of it, and that fits into STACK_BYTES
WALK_DEPTH = 200_000  # frames of Python code only, which don't use the C stack


@dataclass(frozen=True)
class Member:
    """A file of a chunk: its path in the repo, where it is, and the name of its module."""

    path: str
    abs_path: str
    module: str
    is_package: bool


@dataclass(frozen=True)
class Chunk:
    """Files of one part, in order of path."""

    repo: str
    members: tuple[Member, ...]


class _FileRows:
    """One file's rows by table; parts of it stand even where a later stage fails."""

    def __init__(self, member: Member, identity: str) -> None:
        self.member = member
        self.file_id = identity
        self.stage = "read"
        self.tables: dict[str, list[Row]] = {}

    def extract(self) -> None:
        """Fill in the tables as far as the file allows; raises what stopped it."""
        member = self.member
        data = read(member.abs_path)
        self.stage = "decode"
        self.tables["repo_files"] = [self._repo_file(data, None)]
        source = decode(data)
        self.tables["repo_files"] = [self._repo_file(data, source)]
        self.stage = "parse"
        with _recursion(PARSE_DEPTH):
            tree = ast.parse(source.text)
        self.stage = "walk"
        walk = Walk(source, Module(name=member.module, is_package=member.is_package), self.file_id)
        with _recursion(WALK_DEPTH):
            walk.walk(tree)
        self.tables |= {
            "cst_parse_manifest": [_manifest(source, tree, walk.module)],
            "cst_defs": walk.definitions,
            "cst_params": walk.params,
            "cst_imports": walk.imports,
            "cst_name_refs": walk.refs,
            "cst_callsites": walk.calls,
            "cst_type_exprs": walk.type_exprs,
        }

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
        )


def extract_chunk(chunk: Chunk) -> list[pa.RecordBatch]:
    """A batch for each of EXTRACTED, in that order, also those without rows."""
    with ThreadPoolExecutor(max_workers=1) as deep, _quiet_and_uncollected():
        before = threading.stack_size(STACK_BYTES)
        try:
            future = deep.submit(_extract_chunk, chunk)
        finally:
            threading.stack_size(before)
        return future.result()


def _extract_chunk(chunk: Chunk) -> list[pa.RecordBatch]:
    tables = {name: Rows(name) for name in EXTRACTED}
    for member in chunk.members:
        found = _FileRows(member, file_id(chunk.repo, member.path))
        try:
            found.extract()
        except (OSError, *SOURCE_ERRORS) as error:
            found.tables["cst_parse_errors"] = [error_row(error, found.stage)]
        for name, rows in found.tables.items():
            tables[name].add(found.file_id, member.path, rows)
    return [tables[name].batch() for name in EXTRACTED]


def lost_chunk(chunk: Chunk, message: str) -> list[pa.RecordBatch]:
    """The batches for files whose worker died: an error row for each."""
    tables = {name: Rows(name) for name in EXTRACTED}
    for member in chunk.members:
        row = ("WorkerDied", message, None, None, [("stage", "worker")])
        tables["cst_parse_errors"].add(file_id(chunk.repo, member.path), member.path, [row])
    return [tables[name].batch() for name in EXTRACTED]


def error_row(error: BaseException, stage: str) -> Row:
    """A row of ``cst_parse_errors``: line from 1, column from 0, both null where unknown."""
    line = column = None
    message = str(error)
    if isinstance(error, SyntaxError):
        line, column = error.lineno, error.offset - 1 if error.offset else None
        message = error.msg or ""
    elif isinstance(error, OSError):
        message = error.strerror or message
    elif isinstance(error, MemoryError | RecursionError):
        message = message or "the source is too deep or too large for the parser"
    return (type(error).__name__, printable(message), line, column, [("stage", stage)])


def _manifest(source: Source, tree: ast.Module, module: Module) -> Row:
    future = [
        alias.name
        for node in tree.body
        if isinstance(node, ast.ImportFrom) and node.module == "__future__" and not node.level
        for alias in node.names
    ]
    return (
        source.encoding,
        _indent(source, tree),
        source.newline,
        source.has_trailing_newline,
        list(dict.fromkeys(future)),
        module.name,
        module.package,
    )


def _indent(source: Source, tree: ast.Module) -> str:
    """The indentation of the first block at the top level that has lines of its own; four spaces if none has."""
    for node in tree.body:
        body = getattr(node, "body", None)
        if isinstance(body, list) and body and body[0].lineno > node.lineno:
            start = source.line_starts[body[0].lineno - 1]
            line = source.utf8[start : start + body[0].col_offset].decode()
            if line and not line.strip(" \t\f"):
                return line
    return "    "


@contextlib.contextmanager
def _quiet_and_uncollected() -> Iterator[None]:
    """No warnings about the source (of bad escapes), and no garbage collection, which would only walk the trees."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        if was_enabled:
            gc.enable()


@contextlib.contextmanager
def _recursion(depth: int) -> Iterator[None]:
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(depth)
    try:
        yield
    finally:
        sys.setrecursionlimit(limit)
