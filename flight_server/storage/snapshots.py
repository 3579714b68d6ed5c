"""Snapshots: a repo as it was at one commit. Later commits do not change the rows that a snapshot reads."""

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
from pyarrow import fs

from arrowdsl.schema.schema import TableSpec
from flight_server.storage.manifests import Extractor, FileEntry, Manifest, TableEntry, verify
from flight_server.storage.parquet_file import column_hashes, stored_bytes
from flight_server.storage.paths import FileVersion, Part, RepoPaths, version_of
from flight_server.storage.recent import Recent
from flight_server.storage.retention import note_read
from flight_server.storage.store_errors import reading

CACHED_FILES = 1024
HASHED_FILES = 16 * 1024

_LOCAL = fs.LocalFileSystem()
_FORMAT = ds.ParquetFileFormat(
    default_fragment_scan_options=ds.ParquetFragmentScanOptions(page_checksum_verification=True, pre_buffer=False)
)


class FileCache:
    """Cached Arrow fragments, with their footers, of files that this process has verified by their checksums.

    Page checksums cover the pages but not their headers, so a file's CRC-32 is verified before its first use, and again
    once the file was written to.
    """

    def __init__(self) -> None:
        self._fragments = Recent[tuple[FileVersion, ds.ParquetFileFragment]](CACHED_FILES)
        self._hashes = Recent[Mapping[str, str]](HASHED_FILES)

    def fragment(self, path: Path, entry: FileEntry) -> ds.ParquetFileFragment:
        """The file's fragment; raises StoreCorruptError if the file differs from the one that was written."""
        with reading(f"stored file {path.name}"):
            version = version_of(path.stat())
        verified, fragment = self._fragments.get(path) or (None, None)
        if fragment is None or verified != version:
            verify(path, entry)  # without a lock: two threads may verify the same file, and none waits for another file
            fragment = _FORMAT.make_fragment(str(path), _LOCAL)
            self._fragments.put(path, (version, fragment))
        return fragment

    def column_hashes(self, path: Path, entry: FileEntry) -> Mapping[str, str]:
        """A hash of each column's values in the file; raises the errors of ``fragment``."""
        hashes = self._hashes.get(entry.content_hash)
        if hashes is None:
            fragment = self.fragment(path, entry)
            with reading(f"stored file {path.name}"):
                hashes = column_hashes(path, fragment.metadata)
            self._hashes.put(entry.content_hash, hashes)
        return hashes


class Snapshot:
    """A repo at one commit; while the object lives, retention in this process does not delete its files."""

    def __init__(self, paths: RepoPaths, manifest: Manifest, files: FileCache) -> None:
        self.repo = paths.name
        self.manifest = manifest
        self._paths = paths
        self._files = files

    @property
    def number(self) -> int:
        """The snapshot's number; later ones are higher."""
        return self.manifest.number

    @property
    def created(self) -> datetime:
        """The time of the commit, in UTC."""
        return self.manifest.created

    @property
    def parts(self) -> int:
        """The number of parts that the repo's files are distributed over, a power of two."""
        return self.manifest.parts

    def tables(self) -> dict[str, int]:
        """The number of rows of each table that was put, by name."""
        return {name: self.rows(name) for name in sorted(self.manifest.tables)}

    def rows(self, table: str) -> int:
        """The table's number of rows; 0 for a table that was never put."""
        return sum(entry.rows for entry in self._entry(table).files.values())

    def bytes(self, table: str) -> int:
        """The table's size on disk in bytes; 0 for a table that was never put."""
        return sum(entry.bytes for entry in self._entry(table).files.values())

    def part_names(self, table: str) -> tuple[Part, ...]:
        """The parts that have rows of the table, ascending; ``("global",)`` for a table that is not partitioned."""
        return tuple(sorted(self._entry(table).files, key=lambda part: (isinstance(part, str), part)))

    def part_rows(self, table: str, part: Part) -> int:
        """The number of rows in one part of the table."""
        entry = self._entry(table).files.get(part)
        return 0 if entry is None else entry.rows

    def part_bytes(self, table: str, part: Part) -> int:
        """The size on disk of one part of the table, in bytes."""
        entry = self._entry(table).files.get(part)
        return 0 if entry is None else entry.bytes

    def touched(
        self, spec: TableSpec, part: Part, columns: Collection[str], skipping: pc.Expression | None
    ) -> tuple[int, int]:
        """The rows, and the stored bytes of these columns, that a scan of one part would read.

        Row groups that the filter ``skipping`` rules out by their statistics are not counted. Raises the errors of
        ``dataset``.
        """
        dataset = self.dataset(spec, part)
        rows = size = 0
        for fragment in () if dataset is None else dataset.get_fragments():
            for group in fragment.split_by_row_group(skipping, schema=spec.plain_schema):
                for info in group.row_groups:
                    rows += info.num_rows
                    size += stored_bytes(group.metadata.row_group(info.id), columns)
        return rows, size

    def dataset(self, spec: TableSpec, part: Part) -> ds.Dataset | None:
        """One part of a table, with ``spec.plain_schema``; None if it has no rows.

        Rows are sorted by the partition column. Scans verify page checksums; run them within ``store_errors.reading``,
        which turns the errors of a damaged file into StoreCorruptError. Raises StoreCorruptError, SnapshotGoneError.
        """
        entry = self._entry(spec.name).files.get(part)
        if entry is None:
            return None
        note_read(self._paths, self.number)  # a long stream goes on reading, also after the snapshot was retired
        fragment = self._files.fragment(self._paths.folder / entry.file, entry)
        return ds.FileSystemDataset([fragment], spec.plain_schema, _FORMAT, _LOCAL)

    def read(self, spec: TableSpec) -> pa.Table:
        """The whole table in memory, parts in order, with ``spec.plain_schema``."""
        with reading(f"{self.repo}/{spec.name}"):
            tables = [self._part_table(spec, part) for part in self.part_names(spec.name)]
        return pa.concat_tables([spec.plain_schema.empty_table(), *tables])

    def content_hash(self, table: str, part: Part) -> str | None:
        """The blake2b of the part's file, equal for equal rows; None if it has no rows."""
        entry = self._entry(table).files.get(part)
        return None if entry is None else entry.content_hash

    def columns_hash(self, table: str, part: Part, columns: Iterable[str]) -> str | None:
        """A hash of these columns in one part, equal for equal values; None if it has no rows.

        A column that the file lacks, because it was added to the contract later, is null in every row. Raises the
        errors of ``dataset``.
        """
        entry = self._entry(table).files.get(part)
        if entry is None:
            return None
        hashes = self._files.column_hashes(self._paths.folder / entry.file, entry)
        return " ".join((str(entry.rows), *(f"{name} {hashes.get(name)}" for name in sorted(columns))))

    def extractor(self, table: str) -> Extractor:
        """Name and version of the program that made the table's rows, as given by its last put."""
        return self._entry(table).extractor

    def _entry(self, table: str) -> TableEntry:
        return self.manifest.tables.get(table) or TableEntry(contract="", column=None)

    def _part_table(self, spec: TableSpec, part: Part) -> pa.Table:
        dataset = self.dataset(spec, part)
        return spec.plain_schema.empty_table() if dataset is None else dataset.to_table(use_threads=False)
