"""Transactions: several puts that become visible together, or not at all."""

import os
import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from threading import Lock
from types import MappingProxyType
from typing import get_args
from uuid import uuid4

import pyarrow as pa

from arrowdsl.errors import one_of
from arrowdsl.schema.schema import TableSpec
from flight_server.storage.commit import Commit, link_files, publish
from flight_server.storage.history import newest
from flight_server.storage.manifests import Extractor, Manifest, TableEntry
from flight_server.storage.parquet import write_parts
from flight_server.storage.partitioning import Layout
from flight_server.storage.paths import RepoPaths, checked_name
from flight_server.storage.snapshots import Snapshot
from flight_server.storage.staging import (
    Mode,
    StagedTable,
    changed_parts,
    conflicting_appends,
    layout_of,
    partition_keys,
    rebased,
    snapshot_table,
    stored_layout,
)
from flight_server.storage.store_errors import (
    ConflictError,
    NotAllowedError,
    SnapshotGoneError,
    UnknownTransactionError,
    writing,
)
from flight_server.storage.validation import BatchSource, batches_of, check_rows, unchecked

COMMIT_THREADS = 2  # tables whose parts are merged at a time
NO_NOTE: Mapping[str, str] = MappingProxyType({})
_HEARTBEAT_SECONDS = 60.0


class Transaction:
    """Puts into one repo, based on the snapshot that was newest when it began.

    Puts of different tables may run in parallel threads; puts of one table run one after another. Nothing is visible
    before ``commit``. After ``commit`` or ``abort`` every method raises UnknownTransactionError.
    """

    def __init__(
        self,
        paths: RepoPaths,
        base: Manifest | None,
        parts: int,
        *,
        on_commit: Callable[[Manifest], Snapshot],
        on_end: Callable[[str], None],
    ) -> None:
        self.id = uuid4().hex
        self.repo = paths.name
        self.parts = parts
        self._paths = paths
        self._base = base
        self._base_tables: Mapping[str, TableEntry] = {} if base is None else base.tables
        self._folder = paths.staging / self.id
        self._on_commit = on_commit
        self._on_end = on_end
        self._tables: dict[str, StagedTable] = {}
        self._busy: set[str] = set()
        self._lock = Lock()
        self._is_open = True
        self._used = time.monotonic()

    @property
    def snapshot(self) -> int | None:
        """The number of the snapshot that the transaction is based on; None for a new repo."""
        return None if self._base is None else self._base.number

    @property
    def idle_seconds(self) -> float:
        """The seconds since the last put ended; 0 while a put runs."""
        with self._lock:
            return 0.0 if self._busy else time.monotonic() - self._used

    def put(
        self,
        spec: TableSpec,
        reader: pa.Table | BatchSource,
        *,
        mode: Mode = "replace",
        check: Callable[[], None] = unchecked,
        removed: Sequence[str] = (),
    ) -> int:
        """Stream rows into a table, and return their number. A put that raises has no effect.

        The mode ``replace`` replaces the table, ``append`` adds rows, ``files`` replaces the rows of the files that the
        put contains; ``append`` and ``files`` also remove the rows of the paths in ``removed``. ``check`` is called
        between batches and ends the put by raising. Raises InvalidNameError, ConflictError while another put of the
        table runs, UnknownTransactionError, and the errors of ``write_parts``.
        """
        layout = layout_of(spec, self.parts, self.repo)
        if mode not in get_args(Mode):
            raise NotAllowedError(f"mode {mode!r} is unknown; allowed: {one_of(get_args(Mode))}")
        if layout.partitioning.column is None and (mode == "files" or removed):
            raise NotAllowedError(
                f"{spec.name} has neither path nor file_id: its rows belong to no file; allowed: replace, append"
            )
        data = batches_of(reader)
        extractor = Extractor.of({**(spec.schema.metadata or {}), **(data.schema.metadata or {})})
        with self._claimed(checked_name("table", spec.name)):
            written = write_parts(data, self._folder, layout, check=self._watched(check))
            check()  # the stream of a client that died may look complete
            if mode == "replace":
                table = StagedTable(layout, extractor, all_parts=True, appended=None).with_files(written)
            else:
                table = replace(self._table_before_put(spec.name, layout), layout=layout, extractor=extractor)
                put = partition_keys(written, layout.partitioning.column) if mode == "files" else set()
                gone = put | {layout.partitioning.key(path) for path in removed}
                is_append = mode == "append" and not gone
                table = table.with_appended(written) if is_append else table.without(gone).with_files(written)
            self._set_table(spec.name, table)
        return sum(file.rows for file in written)

    def remove(self, paths: Sequence[str]) -> None:
        """Remove the rows of files from every partitioned table, stored or put so far."""
        for name in sorted({*self._base_tables, *self._tables}):
            with self._claimed(name):
                table = self._tables.get(name)
                if table is None and self._base_tables[name].files:
                    table = self._from_snapshot(self._base_tables[name])
                if table is not None and table.layout.partitioning.column is not None:
                    self._set_table(name, table.without(map(table.layout.partitioning.key, paths)))

    def commit(self, expected: Mapping[str, int] | None = None, note: Mapping[str, str] = NO_NOTE) -> Snapshot:
        """Make the puts visible as the next snapshot; a commit that changes nothing returns the newest one.

        ``expected`` has the number of rows put into each table since its last ``replace``; ``note`` describes the
        snapshot. Raises RowCountError if the numbers differ, and ConflictError while a put runs; the transaction then
        stays open. It ends after a ConflictError because another commit changed the same part of a table,
        StorageError, StoreCorruptError and OutcomeUnknownError.
        """
        with self._lock:
            self._require_open()
            if self._busy:
                raise ConflictError(f"a put is still running: {one_of(sorted(self._busy))}")
            check_rows(expected, {name: table.rows for name, table in self._tables.items()})
            self._is_open = False
        try:
            with writing("the commit"):
                manifest = self._published(note)
        finally:
            self._clean_up()
        return self._on_commit(manifest)

    def abort(self) -> None:
        """Discard the puts; a running put stops at its next batch. Does nothing after the transaction has ended."""
        with self._lock:
            if not self._is_open:
                return
            self._is_open = False
        self._clean_up()

    def _published(self, note: Mapping[str, str]) -> Manifest:
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            os.utime(self._folder)
            while True:
                try:
                    return self._published_once(note)
                except ConflictError:
                    if not self._append_to_newest():
                        raise
        except FileNotFoundError as error:
            raise UnknownTransactionError("the transaction expired, or its repo was dropped") from error
        except SnapshotGoneError as error:
            raise ConflictError("the snapshot that the transaction began on is retired; begin again") from error

    def _published_once(self, note: Mapping[str, str]) -> Manifest:
        tables = self._tables | self._repartitioned()
        staged: dict[str, Path] = {}
        with ThreadPoolExecutor(COMMIT_THREADS) as threads:
            check = self._watched(unchecked)
            merging = (
                threads.submit(changed_parts, name, table, self._base_tables.get(name), self._folder, staged, check)
                for name, table in tables.items()
            )
            changes = dict(zip(tables, [each.result() for each in [*merging]], strict=True))
        tables_on = partial(rebased, self._base, parts=self.parts, changes=changes)
        commit = Commit(self.parts, self.id, note, tables_on)
        head = newest(self._paths)
        if head is not None and note in ({}, head.note) and head.parts == self.parts and head.tables == commit.on(head):
            return head
        link_files(self._paths, staged)
        return publish(self._paths, self._folder, commit)

    def _append_to_newest(self) -> bool:
        """Base the transaction on the newest snapshot, if all puts that conflict with it only appended rows."""
        head, base_tables = newest(self._paths), self._base_tables
        if head is None or head.parts != self.parts or (self._base is not None and self._base.parts != self.parts):
            return False
        conflicting = conflicting_appends(self._tables, base_tables, head.tables)
        if conflicting is None:
            return False
        self._base, self._base_tables = head, head.tables
        for name in conflicting:
            table = self._tables.pop(name)
            newer = replace(self._table_before_put(name, table.layout), layout=table.layout, extractor=table.extractor)
            self._tables[name] = newer.with_appended(table.appended or ())
        return True

    def _repartitioned(self) -> dict[str, StagedTable]:
        """If the number of parts has grown: all tables that were not put, because their rows change parts too."""
        if self._base is None or self._base.parts == self.parts:
            return {}
        return {
            name: self._from_snapshot(entry)
            for name, entry in self._base_tables.items()
            if name not in self._tables and entry.column is not None and entry.files
        }

    def _table_before_put(self, name: str, layout: Layout) -> StagedTable:
        entry, column = self._base_tables.get(name), layout.partitioning.column
        if name in self._tables:
            return self._tables[name]
        if entry is None or not entry.files:
            return StagedTable(layout, Extractor(), all_parts=False)
        if entry.column != column:
            raise ConflictError(f"{name} is stored by {entry.column}, not by {column}: replace it")
        return self._from_snapshot(entry, layout)

    def _from_snapshot(self, entry: TableEntry, layout: Layout | None = None) -> StagedTable:
        """A stored table that has rows; the default layout is that of its files."""
        folder, old_parts = self._paths.folder, self.parts if self._base is None else self._base.parts
        layout = layout or stored_layout(entry, folder, self.parts, self.repo)
        return snapshot_table(entry, folder, old_parts, layout, self._folder, self._watched(unchecked))

    @contextmanager
    def _claimed(self, table: str) -> Iterator[None]:
        """Reserve a table for one put or removal at a time."""
        with self._lock:
            self._require_open()
            if table in self._busy:
                raise ConflictError(f"another put of {table} is running in this transaction")
            self._busy.add(table)
        try:
            with writing(f"table {table}"):
                self._folder.mkdir(parents=True, exist_ok=True)
                os.utime(self._folder)
            yield
        finally:
            with self._lock:
                self._busy.discard(table)
                self._used = time.monotonic()
                aborted = not self._is_open  # read under the lock: after it, a commit may begin that needs the folder
            if aborted:  # the abort deleted the folder; files may have been written to it since
                shutil.rmtree(self._folder, ignore_errors=True)

    def _set_table(self, name: str, table: StagedTable) -> None:
        with self._lock:
            self._require_open()
            self._tables[name] = table

    def _watched(self, check: Callable[[], None]) -> Callable[[], None]:
        """A function that calls ``check``, raises after an abort, and touches the folder as a heartbeat.

        During a commit the transaction is closed too, but no table is busy, so that does not count as an abort.
        """
        beaten = time.monotonic()

        def watched() -> None:
            nonlocal beaten
            check()
            with self._lock:
                aborted = not self._is_open and bool(self._busy)
            if aborted:
                raise UnknownTransactionError(f"transaction {self.id} has ended")
            if time.monotonic() - beaten > _HEARTBEAT_SECONDS:
                beaten = time.monotonic()
                with writing("the transaction"):
                    os.utime(self._folder)

        return watched

    def _require_open(self) -> None:
        if not self._is_open:
            raise UnknownTransactionError(f"transaction {self.id} has ended")

    def _clean_up(self) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)
        self._on_end(self.id)
