"""Tables as a transaction leaves them, the merge that makes one file of each part, and the manifest with their files.

A part has a list of sorted files. The first may be the part's file in the snapshot that the transaction began on. Every
put appends files. Before that, the mode ``replace`` drops all earlier rows, ``files`` drops those of the source files
that the put contains, and ``append`` drops none.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain
from pathlib import Path
from types import MappingProxyType
from typing import Literal
from uuid import uuid4

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from arrowdsl.compute.merging import merge_sorted
from arrowdsl.schema.schema import EncodingPolicy, EncodingSpec, SchemaTransform, TableSpec, plain
from flight_server.storage.manifests import Extractor, FileEntry, Manifest, TableEntry, verify
from flight_server.storage.parquet import PartFile, write_parts
from flight_server.storage.parquet_file import ParquetFileWriter, checksums, distinct_values, read_batches
from flight_server.storage.partitioning import Layout, Partitioning, keys_of, partitioning_of
from flight_server.storage.paths import Part
from flight_server.storage.store_errors import ConflictError, reading
from flight_server.storage.validation import encoded_schema

MERGED_FILES = 32  # open at a time
Mode = Literal["replace", "append", "files"]


def layout_of(spec: TableSpec, parts: int, repo: str) -> Layout:
    """The layout of a table that is put."""
    return Layout(spec.plain_schema, spec.encoding, partitioning_of(spec.schema, parts, repo), spec.contract)


def stored_layout(entry: TableEntry, repo_folder: Path, parts: int, repo: str) -> Layout:
    """The layout of a stored table that the transaction does not put, read from a stored file; it must have rows."""
    file = next(iter(entry.files.values()))
    verify(repo_folder / file.file, file)
    with reading(entry.contract):
        schema = pq.read_schema(repo_folder / file.file)
    encoded = tuple(EncodingSpec(column.name) for column in schema if pa.types.is_dictionary(column.type))
    return Layout(plain(schema), EncodingPolicy(encoded), Partitioning(entry.column, parts, repo), entry.contract)


@dataclass(frozen=True)
class StagedTable:
    """A table as a transaction would leave it: the files of each part, oldest first.

    ``all_parts`` is true if all parts change, because the table was replaced or cut into more parts. ``rows`` is the
    number of rows put since the last ``replace``. A commit reduces ``parts`` to the parts that change, each with one
    stored file, or with none if it has no rows; ``applied_to`` and ``conflicts`` are about such a table. ``appended``
    are the files of its puts if all of them only appended rows, which fits any other commit; else None.
    """

    layout: Layout
    extractor: Extractor
    all_parts: bool
    rows: int = 0
    parts: Mapping[Part, tuple[PartFile, ...]] = field(default_factory=lambda: MappingProxyType({}))
    appended: tuple[PartFile, ...] | None = ()

    def without(self, keys: Iterable[str]) -> "StagedTable":
        """The table without the rows that have one of these values in the partition column."""
        dropped: dict[Part, set[str]] = defaultdict(set)
        for key in keys:
            dropped[self.layout.partitioning.part(key)].add(key)
        parts = dict(self.parts)
        for part in parts.keys() & dropped.keys():
            parts[part] = tuple(replace(file, dropped=file.dropped | dropped[part]) for file in parts[part])
        return replace(self, parts=parts, appended=None)

    def with_appended(self, written: Collection[PartFile]) -> "StagedTable":
        """The table after a put that only appended rows."""
        appended = None if self.appended is None else (*self.appended, *written)
        return replace(self.with_files(written), appended=appended)

    def with_files(self, written: Collection[PartFile]) -> "StagedTable":
        """The table with these files appended."""
        parts = dict(self.parts)
        for file in written:
            parts[file.part] = (*parts.get(file.part, ()), file)
        return replace(self, parts=parts, rows=self.rows + sum(file.rows for file in written))

    def touched(self) -> "StagedTable":
        """The table with the parts alone whose files are not those of the snapshot."""
        parts = {
            part: files
            for part, files in self.parts.items()
            if len(files) != 1 or files[0].stored is None or files[0].dropped
        }
        return replace(self, parts=parts)

    def applied_to(self, old: TableEntry | None) -> TableEntry:
        """The table's manifest entry after the change."""
        files = {} if self.all_parts else {part: file for part, file in _files(old).items() if part not in self.parts}
        changed = ((part, file.stored) for part, changed in self.parts.items() for file in changed)
        files.update((part, file) for part, file in changed if file is not None)
        column = self.layout.partitioning.column
        return TableEntry(self.layout.contract, column, self.extractor, MappingProxyType(files))

    def conflicts(self, base: TableEntry | None, head: TableEntry | None) -> bool:
        """Whether the files that the change replaces differ between ``base`` and ``head``."""
        before, now = (_files(base), _files(head))
        if self.all_parts:
            return before != now or (base is None) != (head is None)
        return any(before.get(part) != now.get(part) for part in self.parts)


def changed_parts(
    name: str,
    table: StagedTable,
    base: TableEntry | None,
    staging: Path,
    staged: dict[str, Path],
    check: Callable[[], None],
) -> StagedTable:
    """The table with its changed parts only; adds its new files to ``staged``, by their paths in the repo."""
    parts: dict[Part, tuple[PartFile, ...]] = {}
    for part, files in table.parts.items():
        file = one_file(files, table.layout, staging, check)
        if file.stored is not None:
            continue  # the part has not changed
        if not file.rows:
            parts[part] = ()
            continue
        sums = checksums(file.path)
        entry = _files(base).get(part)
        if entry is None or entry.content_hash != sums.content_hash:
            path = f"raw/{name}/{part}/{uuid4().hex}.parquet"
            entry = FileEntry(path, file.rows, sums.bytes, sums.crc32, sums.content_hash)
            staged[path] = file.path
        parts[part] = (replace(file, stored=entry),)  # the same rows as before keep their stored file
    return replace(table, parts=parts)


def conflicting_appends(
    tables: Mapping[str, StagedTable], base: Mapping[str, TableEntry], head: Mapping[str, TableEntry]
) -> set[str] | None:
    """The tables that conflict with ``head``, if all their puts only appended rows; else None."""
    conflicting = {name for name, table in tables.items() if table.touched().conflicts(base.get(name), head.get(name))}
    return None if any(tables[name].appended is None for name in conflicting) else conflicting


def rebased(
    base: Manifest | None, head: Manifest | None, parts: int, changes: Mapping[str, StagedTable]
) -> Mapping[str, TableEntry]:
    """The tables of ``head`` with the changes; raises ConflictError if ``head`` changed the same files.

    ``base`` is the manifest that the changes were made on.
    """
    if head is not None and (base is None or head.number != base.number):
        if head.parts != (parts if base is None else base.parts) or head.parts != parts:
            raise ConflictError("another commit changed the number of parts; begin again")
        for name, change in changes.items():
            if change.conflicts(None if base is None else base.tables.get(name), head.tables.get(name)):
                raise ConflictError(f"another commit changed the same part of {name}; begin again")
    elif head is None and base is not None:
        raise ConflictError("the repo was dropped; begin again")
    tables = {} if head is None else dict(head.tables)
    tables.update({name: change.applied_to(tables.get(name)) for name, change in changes.items()})
    return MappingProxyType(tables)


def partition_keys(files: Iterable[PartFile], column: str | None) -> set[str]:
    """The distinct values of the partition column in these files."""
    return set() if column is None else set().union(*(distinct_values(file.path, column) for file in files))


def snapshot_table(
    entry: TableEntry, repo_folder: Path, old_parts: int, layout: Layout, staging: Path, check: Callable[[], None]
) -> StagedTable:
    """A table as the snapshot has it; if the number of parts has grown, its rows are partitioned again."""
    files = [PartFile(repo_folder / file.file, part, file.rows, stored=file) for part, file in entry.files.items()]
    if entry.column is None or layout.partitioning.parts == old_parts:
        table = StagedTable(layout, entry.extractor, all_parts=False).with_files(files)
    else:
        rows = chain.from_iterable(_batches(_settled(file, layout), layout) for file in files)
        reader = pa.RecordBatchReader.from_batches(layout.schema, rows)
        written = write_parts(reader, staging, layout, check=check)
        table = StagedTable(layout, entry.extractor, all_parts=True).with_files(written)
    return replace(table, rows=0)


def one_file(files: Sequence[PartFile], layout: Layout, staging: Path, check: Callable[[], None]) -> PartFile:
    """The files of a part merged into one file without dropped rows; the file may be empty.

    Raises SchemaMismatchError if a file was written under an incompatible contract, StoreCorruptError.
    """
    if len(files) == 1 and not files[0].dropped:
        return files[0]
    files = [_settled(file, layout) for file in files]
    while len(files) > MERGED_FILES:  # neighbours are merged, so rows with equal keys stay in the order of arrival
        groups = [files[first : first + MERGED_FILES] for first in range(0, len(files), MERGED_FILES)]
        files = [_merged(group, layout, staging, check) for group in groups]
    return files[0] if len(files) == 1 and not files[0].dropped else _merged(files, layout, staging, check)


def _merged(files: Sequence[PartFile], layout: Layout, staging: Path, check: Callable[[], None]) -> PartFile:
    part, rows = files[0].part, 0
    path = staging / f"{part}-{uuid4().hex}.parquet"
    writer = ParquetFileWriter(path, encoded_schema(layout.schema, layout.encoding))
    try:
        for batch in merge_sorted([_batches(file, layout) for file in files], layout.partitioning.order):
            check()
            writer.write(layout.encoding.apply(pa.Table.from_batches([batch])))
            rows += batch.num_rows
    finally:
        writer.close()
    return PartFile(path, part, rows)


def _settled(file: PartFile, layout: Layout) -> PartFile:
    """Verify a committed file; forget dropped keys that it does not contain."""
    if file.stored is not None:
        verify(file.path, file.stored)
    column = layout.partitioning.column
    if not file.dropped or column is None:
        return file
    return replace(file, dropped=file.dropped & distinct_values(file.path, column))


def _batches(file: PartFile, layout: Layout) -> Iterator[pa.RecordBatch]:
    """The file's rows without the dropped ones, in the layout's plain schema."""
    transform, dropped = SchemaTransform(schema=layout.schema), pa.array(sorted(file.dropped), pa.string())
    for batch in read_batches(file.path):
        rows = pa.Table.from_batches([batch])
        if layout.partitioning.column is not None and file.dropped:
            rows = rows.filter(pc.invert(pc.is_in(keys_of(rows, layout.partitioning.column), dropped)))
        yield from transform.apply(rows).combine_chunks().to_batches()


def _files(table: TableEntry | None) -> Mapping[Part, FileEntry]:
    return {} if table is None else table.files
