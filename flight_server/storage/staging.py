"""What a transaction has put, table by table, and how it becomes one file for each part.

A part is a list of sorted runs. The first may be the part's file in the snapshot that the transaction began on; every
put adds runs behind it, and the modes differ in what they drop before: ``replace`` all, ``files`` the rows of the files
that it brings, ``append`` nothing.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import chain, count
from pathlib import Path
from types import MappingProxyType
from typing import Literal

import pyarrow as pa
import pyarrow.parquet as pq

from arrowdsl.schema.schema import EncodingPolicy, EncodingSpec, TableSpec, plain
from flight_server.storage.manifests import Extractor, TableEntry, verify
from flight_server.storage.parquet import write_runs
from flight_server.storage.parquet_file import distinct_values
from flight_server.storage.part_writer import WrittenFile
from flight_server.storage.partitioning import Partitioning, partitioning_of
from flight_server.storage.paths import Part
from flight_server.storage.runs import Run, merged
from flight_server.storage.store_errors import reading
from flight_server.storage.validation import Batches, BatchStream

OPEN_RUNS = 32
Mode = Literal["replace", "append", "files"]


@dataclass(frozen=True)
class Layout:
    """How a table's rows are stored: the plain schema, its encoding, and the contract that they hold."""

    contract: str
    schema: pa.Schema
    encoding: EncodingPolicy
    partitioning: Partitioning


def layout_of(spec: TableSpec, parts: int, repo: str) -> Layout:
    """The layout of a table that is put."""
    return Layout(spec.contract, spec.plain_schema, spec.encoding, partitioning_of(spec.schema, parts, repo))


def stored_layout(entry: TableEntry, repo_folder: Path, parts: int, repo: str) -> Layout:
    """The layout of a table with rows that is carried on, of which only the stored files are known."""
    file = next(iter(entry.files.values()))
    verify(repo_folder / file.file, file)
    with reading(entry.contract):
        schema = pq.read_schema(repo_folder / file.file)
    encoded = [EncodingSpec(column.name) for column in schema if pa.types.is_dictionary(column.type)]
    partitioning = Partitioning(entry.column, parts, repo)
    return Layout(entry.contract, plain(schema), EncodingPolicy(tuple(encoded)), partitioning)


@dataclass(frozen=True)
class StagedTable:
    """A table as a transaction would leave it: the runs of each part, oldest first.

    ``whole`` says that no part is as it was (replaced, or cut into more parts); ``rows`` is how many rows were put
    since the last ``replace``.
    """

    layout: Layout
    extractor: Extractor
    whole: bool
    rows: int = 0
    parts: Mapping[Part, tuple[Run, ...]] = field(default_factory=lambda: MappingProxyType({}))

    def without(self, keys: Iterable[str]) -> "StagedTable":
        """The table without the rows that have one of these values in the partition column."""
        dropped: dict[Part, set[str]] = defaultdict(set)
        for key in keys:
            dropped[self.layout.partitioning.part(key)].add(key)
        parts = {
            part: tuple(run.without(frozenset(dropped[part])) for run in runs) if part in dropped else runs
            for part, runs in self.parts.items()
        }
        return replace(self, parts=parts)

    def with_files(self, written: Collection[WrittenFile]) -> "StagedTable":
        """The table with more rows behind those that it has."""
        parts = dict(self.parts)
        for file in written:
            parts[file.part] = (*parts.get(file.part, ()), Run(file.path, file.rows))
        return replace(self, parts=parts, rows=self.rows + sum(file.rows for file in written))

    def keys(self, written: Iterable[WrittenFile]) -> set[str]:
        """The values that written rows have in the partition column."""
        column = self.layout.partitioning.column
        return set() if column is None else set().union(*(distinct_values(file.path, column) for file in written))


def carried(
    entry: TableEntry, repo_folder: Path, old_parts: int, layout: Layout, stem: Path, check: Callable[[], None]
) -> StagedTable:
    """A table as the snapshot has it; if the number of parts has grown, cut anew, part by part."""
    runs = {part: Run(repo_folder / file.file, file.rows, stored=file) for part, file in entry.files.items()}
    if entry.column is None or layout.partitioning.parts == old_parts:
        parts = {part: (run,) for part, run in runs.items()}
        return StagedTable(layout, entry.extractor, whole=False, parts=parts)
    old = chain.from_iterable(
        merged([runs[part].settled(entry.column)], entry.column, layout.schema) for part in sorted(runs, key=str)
    )
    written = write(BatchStream(layout.schema, old), layout, stem, check)
    return replace(StagedTable(layout, entry.extractor, whole=True).with_files(written), rows=0)


def one_file(runs: Sequence[Run], layout: Layout, stem: Path, check: Callable[[], None]) -> Run | None:
    """The runs of a part as one run that drops nothing, merged if need be; None if no rows are left."""
    if len(runs) == 1 and not runs[0].dropped:
        return runs[0]
    column = layout.partitioning.column
    waiting = [run.settled(column) for run in runs]
    for number in count():
        if len(waiting) <= 1 and not any(run.dropped for run in waiting):
            break
        # Neighbours are merged with each other, so the order of arrival stays; more than can be open take more rounds.
        merges: list[Run] = []
        for first in range(0, len(waiting), OPEN_RUNS):
            rows = BatchStream(layout.schema, merged(waiting[first : first + OPEN_RUNS], column, layout.schema))
            written = write(rows, layout, stem.with_name(f"{stem.name}-{number}-{first}"), check)
            merges += [Run(file.path, file.rows) for file in written]
        waiting = merges
    return waiting[0] if waiting else None


def write(data: Batches, layout: Layout, stem: Path, check: Callable[[], None]) -> tuple[WrittenFile, ...]:
    """The rows as sorted runs of parts; what fails leaves no file."""
    return write_runs(
        data,
        partial(_written_at, stem),
        schema=layout.schema,
        encoding_policy=layout.encoding,
        partitioning=layout.partitioning,
        check=check,
    )


def _written_at(stem: Path, part: Part, run: int) -> Path:
    """The file of a run. All of a transaction lie side by side: a folder takes longer to remove than ten files."""
    return stem.with_name(f"{stem.name}-{part}-{run}.parquet")
