"""Tables as a transaction leaves them, and the merge that makes one file of each part.

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
from flight_server.storage.manifests import Extractor, TableEntry, verify
from flight_server.storage.parquet import PartFile, write_parts
from flight_server.storage.parquet_file import ParquetFileWriter, distinct_values, read_batches
from flight_server.storage.partitioning import Partitioning, keys_of, partitioning_of
from flight_server.storage.paths import Part
from flight_server.storage.store_errors import reading
from flight_server.storage.validation import BatchSource, encoded_schema

MERGED_FILES = 32  # open at a time
Mode = Literal["replace", "append", "files"]


@dataclass(frozen=True)
class Layout:
    """How a table's rows are stored: the contract, its plain schema and encoding, and the partitioning."""

    contract: str
    schema: pa.Schema
    encoding: EncodingPolicy
    partitioning: Partitioning


def layout_of(spec: TableSpec, parts: int, repo: str) -> Layout:
    """The layout of a table that is put."""
    return Layout(spec.contract, spec.plain_schema, spec.encoding, partitioning_of(spec.schema, parts, repo))


def stored_layout(entry: TableEntry, repo_folder: Path, parts: int, repo: str) -> Layout:
    """The layout of a stored table that the transaction does not put, read from a stored file; it must have rows."""
    file = next(iter(entry.files.values()))
    verify(repo_folder / file.file, file)
    with reading(entry.contract):
        schema = pq.read_schema(repo_folder / file.file)
    encoded = tuple(EncodingSpec(column.name) for column in schema if pa.types.is_dictionary(column.type))
    return Layout(entry.contract, plain(schema), EncodingPolicy(encoded), Partitioning(entry.column, parts, repo))


@dataclass(frozen=True)
class StagedTable:
    """A table as a transaction would leave it: the files of each part, oldest first.

    ``whole`` is true if all parts change, because the table was replaced or cut into more parts. ``rows`` is the number
    of rows put since the last ``replace``.
    """

    layout: Layout
    extractor: Extractor
    whole: bool
    rows: int = 0
    parts: Mapping[Part, tuple[PartFile, ...]] = field(default_factory=lambda: MappingProxyType({}))

    def without(self, keys: Iterable[str]) -> "StagedTable":
        """The table without the rows that have one of these values in the partition column."""
        dropped: dict[Part, set[str]] = defaultdict(set)
        for key in keys:
            dropped[self.layout.partitioning.part(key)].add(key)
        parts = dict(self.parts)
        for part in parts.keys() & dropped.keys():
            parts[part] = tuple(replace(file, dropped=file.dropped | dropped[part]) for file in parts[part])
        return replace(self, parts=parts)

    def with_files(self, written: Collection[PartFile]) -> "StagedTable":
        """The table with these files appended to its parts."""
        parts = dict(self.parts)
        for file in written:
            parts[file.part] = (*parts.get(file.part, ()), file)
        return replace(self, parts=parts, rows=self.rows + sum(file.rows for file in written))

    def keys(self, written: Iterable[PartFile]) -> set[str]:
        """The distinct values of the partition column in written files."""
        column = self.layout.partitioning.column
        return set() if column is None else set().union(*(distinct_values(file.path, column) for file in written))


def carried(
    entry: TableEntry, repo_folder: Path, old_parts: int, layout: Layout, staging: Path, check: Callable[[], None]
) -> StagedTable:
    """A table as the snapshot has it; if the number of parts has grown, its rows are partitioned again."""
    files = [PartFile(repo_folder / file.file, part, file.rows, stored=file) for part, file in entry.files.items()]
    if entry.column is None or layout.partitioning.parts == old_parts:
        table = StagedTable(layout, entry.extractor, whole=False).with_files(files)
    else:
        rows = chain.from_iterable(_batches(_settled(file, layout), layout) for file in files)
        written = write(pa.RecordBatchReader.from_batches(layout.schema, rows), layout, staging, check)
        table = StagedTable(layout, entry.extractor, whole=True).with_files(written)
    return replace(table, rows=0)


def write(data: BatchSource, layout: Layout, staging: Path, check: Callable[[], None]) -> tuple[PartFile, ...]:
    """The rows as new sorted files in the staging folder; raises as ``write_parts``."""
    return write_parts(
        data,
        staging,
        schema=layout.schema,
        encoding_policy=layout.encoding,
        partitioning=layout.partitioning,
        check=check,
    )


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
    """The file, verified if it is a committed one; ``dropped`` is reduced to the keys that the file has."""
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
