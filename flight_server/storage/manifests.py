"""Manifests: the contents of a snapshot, as JSON with a checksum.

A manifest names one file for each table and part that has rows. It is written once and never changed.
"""

import json
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

from flight_server.storage.parquet_file import crc32
from flight_server.storage.paths import GLOBAL, FileVersion, Part, RepoPaths, version_of
from flight_server.storage.store_errors import (
    StoreCorruptError,
    StoreVersionError,
    UnknownSnapshotError,
    reading,
)

# The versions of the format that this program reads and writes. A manifest names the lowest versions that may read it
# and that may build on it. They rise when a change would be misunderstood; a key that old programs may ignore is none.
READER_VERSION = 1
WRITER_VERSION = 1


@dataclass(frozen=True)
class FileEntry:
    """A stored Parquet file: its path relative to the repo's folder, its rows, its size and checksums."""

    file: str
    rows: int
    bytes: int
    crc32: int
    content_hash: str


@dataclass(frozen=True)
class Extractor:
    """The name and version of the program that made a table's rows; None if unknown."""

    name: str | None = None
    version: str | None = None

    @classmethod
    def of(cls, metadata: Mapping[bytes, bytes]) -> "Extractor":
        """The extractor that a schema's metadata name."""
        values = (metadata.get(key) for key in (b"extractor_name", b"extractor_version"))
        return cls(*(None if value is None else value.decode(errors="replace") for value in values))


@dataclass(frozen=True)
class TableEntry:
    """A table: its contract, the column that it is partitioned by, and the file of each part that has rows."""

    contract: str
    column: str | None
    extractor: Extractor = Extractor()
    files: Mapping[Part, FileEntry] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True)
class Manifest:
    """A snapshot; ``parts`` is the number of parts, ``parent`` the snapshot that it was made from.

    ``transaction`` is the id of the transaction that made it. ``note`` is the user's description: a label, the commit
    of the source. ``writer`` is the lowest version of the format that may build on it.
    """

    number: int
    parent: int | None
    created: datetime
    parts: int
    tables: Mapping[str, TableEntry]
    transaction: str | None = None
    note: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    writer: int = WRITER_VERSION

    def files(self) -> set[str]:
        """The paths of all its files."""
        return {entry.file for table in self.tables.values() for entry in table.files.values()}


def verify(path: Path, entry: FileEntry) -> None:
    """Raise StoreCorruptError unless the file has the size and CRC-32 of its entry, SnapshotGoneError if it is gone."""
    with reading(f"stored file {path.name}"):
        if path.stat().st_size != entry.bytes or crc32(path) != entry.crc32:
            raise StoreCorruptError(f"stored file {path.name} is damaged: its bytes don't match their checksum")


def encode(manifest: Manifest) -> bytes:
    """The manifest as JSON; ``crc32`` is the checksum of the rest in canonical JSON."""
    body = {
        "format": READER_VERSION,
        "writer": WRITER_VERSION,
        "number": manifest.number,
        "parent": manifest.parent,
        "created": manifest.created.isoformat(),
        "parts": manifest.parts,
        "transaction": manifest.transaction,
        "note": dict(manifest.note),
        "tables": {name: _table_to_json(table) for name, table in sorted(manifest.tables.items())},
    }
    return json.dumps({"crc32": zlib.crc32(_canonical(body)), **body}, indent=1).encode()


def decode(data: bytes) -> Manifest:
    """The manifest that ``encode`` wrote.

    Raises StoreVersionError if a newer program wrote it, StoreCorruptError for any other bytes.
    """
    try:
        body = json.loads(data)
        if body.pop("crc32") != zlib.crc32(_canonical(body)):
            raise StoreCorruptError("a snapshot's manifest is damaged: it does not match its checksum")
        check_version(READER_VERSION, body["format"], "read")
        return Manifest(
            body["number"],
            body["parent"],
            datetime.fromisoformat(body["created"]),
            body["parts"],
            {name: _table_from_json(table) for name, table in body["tables"].items()},
            body.get("transaction"),
            body.get("note", {}),
            body.get("writer", 1),
        )
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise StoreCorruptError("a snapshot's manifest is damaged: it is not the JSON that was written") from error


def check_version(known: int, needed: int, deed: str) -> None:
    """Raise StoreVersionError if a store needs a higher version of the format than this program knows."""
    if needed > known:
        raise StoreVersionError(
            f"a newer flight-server wrote this store: format {needed} is needed to {deed} it, this one knows {known};"
            " update flight-server"
        )


def load(paths: RepoPaths, number: int) -> Manifest:
    """The manifest of a snapshot; raises UnknownSnapshotError if there is none, StoreCorruptError, StorageError.

    An empty manifest next to a marker of retirement only reserves its number: its files are deleted.
    """
    path = paths.manifest(number)
    with reading(f"the manifest of snapshot {number}"):
        try:
            status = path.stat()
            is_deleted = not status.st_size and paths.retired(number).exists()
            manifest = None if is_deleted else _read(path, version_of(status))
        except FileNotFoundError:
            manifest = None
    if manifest is None:
        raise UnknownSnapshotError(f"{paths.name} has no snapshot {number}")
    if manifest.number != number:
        raise StoreCorruptError(f"the manifest of snapshot {number} is that of {manifest.number}")
    return manifest


@lru_cache(maxsize=64)
def _read(path: Path, _: FileVersion) -> Manifest:
    """The manifest in a file; a new repo may reuse the path after a drop."""
    return decode(path.read_bytes())


def _table_to_json(table: TableEntry) -> dict[str, Any]:
    return {
        "contract": table.contract,
        "partitioned_by": table.column,
        "extractor": {"name": table.extractor.name, "version": table.extractor.version},
        "parts": {str(part): vars(entry) for part, entry in sorted(table.files.items(), key=lambda item: str(item[0]))},
    }


def _table_from_json(table: dict[str, Any]) -> TableEntry:
    files = {_part_from_json(part): FileEntry(**entry) for part, entry in table["parts"].items()}
    extractor = Extractor(**table["extractor"])
    return TableEntry(table["contract"], table["partitioned_by"], extractor, MappingProxyType(files))


def _part_from_json(part: str) -> Part:
    return GLOBAL if part == GLOBAL else int(part)


def _canonical(body: Mapping[str, Any]) -> bytes:
    return json.dumps(body, sort_keys=True, separators=(",", ":")).encode()
