"""Puts a SCIP index into the raw ``scip_*`` tables of a repo, in one transaction; it replaces the previous index.

Documents are put in the order of (part, path), not in that of the file, and are read a few at a time.
"""

import posixpath
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from itertools import islice
from pathlib import Path
from typing import BinaryIO

import pyarrow as pa

from flight_client.client import Client
from flight_client.contracts.ids import file_id, part_of
from flight_client.puts import put_batches
from flight_client.scip.index_file import Frame, IndexField, IndexLayout, frames, layout_of, message
from flight_client.scip.index_rows import SCHEMAS, IndexedFile, document_rows, external_rows, metadata_rows
from flight_client.scip.messages import ScipError
from flight_client.tickets import whole_number

GROUP_BYTES = 1 << 20  # of documents that are read at a time; building their rows takes about fifty times as much
GROUP_SYMBOLS = 1 << 12

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class IndexPut:
    """The numbers of documents put, of those without a file in the repo, and of those left out; the rows by table."""

    repo: str
    documents: int
    unmatched: int
    left_out: int
    rows: Mapping[str, int]
    snapshot: int


@dataclass(frozen=True)
class PathPrefix:
    """How the index's paths become the repo's paths: the folder ``old`` becomes ``new``; other paths are left out."""

    old: str = ""
    new: str = ""

    def repo_path(self, relative_path: str) -> str | None:
        """A document's path in the repo; None if it is outside of the repo or of ``old``."""
        path = posixpath.normpath(relative_path) if relative_path else ".."
        old = self.old.strip("/")
        if path.split("/")[0] in {"", "..", "."} or not f"{path}/".startswith(f"{old}/" if old else ""):
            return None
        return posixpath.normpath(posixpath.join(self.new.strip("/"), path[len(old) :].lstrip("/")))


@dataclass(frozen=True)
class _PlacedDocument:
    """A document's place in the order of the put."""

    part: int
    path: str
    file_id: str
    frame: Frame


NO_PREFIX = PathPrefix()


def put_index(
    client: Client, file: Path, *, repo: str, prefix: PathPrefix = NO_PREFIX, progress: Progress | None = None
) -> IndexPut:
    """Put the SCIP index ``file`` into ``repo``; it replaces the rows of the previous index.

    A document's ``file_sha256`` is that of its text if the index has the text, else that of the repo's current file.
    ``progress`` is called with the number of documents done and the total. Memory is bounded by the largest document
    and the list of paths. Raises ScipError for a file that is not a complete index, before any row is put, and
    FlightClientError.
    """
    with file.open("rb") as stream:
        layout = layout_of(stream)
        paths = [(prefix.repo_path(path), frame) for path, frame in layout.documents]
        inside = [(path, frame) for path, frame in paths if path is not None]
        if not inside:
            raise ScipError(f"none of the {len(paths)} documents of {file} is in the repo's folder")
        sha256_by_path = _served_sha256s(client, repo)
        with client.transaction(repo, files=len(inside) if sha256_by_path is None else None) as begun:
            txn, places = str(begun["txn"]), _in_order(inside, repo, whole_number(begun, "parts"))
            opened = ((table, client.open_put(repo, table, schema, txn=txn)) for table, schema in SCHEMAS.items())
            rows = put_batches(opened, _batches(stream, layout, places, sha256_by_path or {}, progress))
            snapshot = whole_number(client.commit(txn, rows), "snapshot")
    unmatched = sum(path not in (sha256_by_path or {}) for path, _ in inside)
    return IndexPut(repo, len(inside), unmatched, len(paths) - len(inside), rows, snapshot)


def _served_sha256s(client: Client, repo: str) -> Mapping[str, str] | None:
    """The sha256 of each file in the repo, by path; None for a repo that does not exist."""
    if repo not in client.repos():
        return None
    with client.read(repo, "repo_files", columns=["path", "file_sha256"]) as reader:
        files = reader.read_all()
    return dict(zip(files.column("path").to_pylist(), files.column("file_sha256").to_pylist(), strict=True))


def _in_order(documents: Iterable[tuple[str, Frame]], repo: str, parts: int) -> list[_PlacedDocument]:
    ids = ((file_id(repo, path), path, frame) for path, frame in documents)
    places = [_PlacedDocument(part_of(id_of_file, parts), path, id_of_file, frame) for id_of_file, path, frame in ids]
    return sorted(places, key=lambda place: (place.part, place.path, place.frame.start))


def _batches(
    file: BinaryIO,
    layout: IndexLayout,
    places: Sequence[_PlacedDocument],
    sha256_by_path: Mapping[str, str],
    progress: Progress | None,
) -> Iterator[tuple[str, pa.RecordBatch]]:
    yield "scip_metadata", metadata_rows(layout.metadata)
    done = 0
    for group in _groups(_read(file, places, sha256_by_path)):
        yield from document_rows(group).items()
        done += len(group)
        if progress is not None:
            progress(done, len(places))
    externals = (
        message(file, frame, "SymbolInformation") for frame in frames(file) if frame.field == IndexField.EXTERNAL_SYMBOL
    )
    first = 0
    while symbols := list(islice(externals, GROUP_SYMBOLS)):
        yield from external_rows(symbols, first).items()
        first += len(symbols)


def _read(
    file: BinaryIO, places: Iterable[_PlacedDocument], sha256_by_path: Mapping[str, str]
) -> Iterator[tuple[IndexedFile, int]]:
    """The documents, each with its size; documents with the same path get different ids."""
    path, nth = "", 1
    for place in places:
        nth = nth + 1 if place.path == path else 1
        path = place.path
        document = message(file, place.frame, "Document")
        digest = sha256(document.text.encode()).hexdigest() if document.text else sha256_by_path.get(path)
        document_id = f"doc:{place.file_id}" if nth == 1 else f"doc:{place.file_id}#{nth}"
        yield IndexedFile(place.file_id, path, document_id, digest, document), place.frame.size


def _groups(files: Iterable[tuple[IndexedFile, int]]) -> Iterator[list[IndexedFile]]:
    group: list[IndexedFile] = []
    waiting = 0
    for file, size in files:
        group.append(file)
        waiting += size
        if waiting >= GROUP_BYTES:
            yield group
            group, waiting = [], 0
    if group:
        yield group
