"""The store: repos, their snapshots, and the transactions that make new ones. Several processes may share a folder."""

import logging
import time
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from math import inf
from pathlib import Path
from threading import Lock
from weakref import WeakSet

from arrowdsl.errors import DataError, one_of
from flight_client.contracts.ids import FILES_PER_PART, parts_for
from flight_server.storage import retention
from flight_server.storage.artifacts import ArtifactStore
from flight_server.storage.check import RepoCheck, check_repo, repair_repo
from flight_server.storage.commit import confirm, create_store, publish_tables
from flight_server.storage.history import listed_numbers, newest, newest_number
from flight_server.storage.manifests import Manifest, load
from flight_server.storage.paths import RepoPaths, checked_name, has_snapshot, repos_of
from flight_server.storage.snapshots import FileCache, Snapshot
from flight_server.storage.store_errors import (
    NotAllowedError,
    SnapshotGoneError,
    StoreCorruptError,
    UnknownRepoError,
    UnknownSnapshotError,
    UnknownTransactionError,
    writing,
)
from flight_server.storage.transactions import Transaction

LOG = logging.getLogger("flight_server")
MAX_PARTS = 64 * 1024
MINUTE = 60.0
KEPT_SNAPSHOTS, IDLE_SECONDS = 5, 15 * MINUTE


@dataclass(frozen=True)
class Pruned:
    """The result of pruning: the numbers of the snapshots that it retired, and the bytes that it freed."""

    retired: tuple[int, ...]
    freed: int


class Store:
    """A folder of repos.

    The newest ``keep`` snapshots of each repo are listed; older ones are retired (see ``retention``). A reader that has
    the number of a retired snapshot may open it until nobody has read it for ``grace / 2`` seconds; its files are
    deleted after ``grace`` seconds. A transaction that is idle for ``idle`` seconds is aborted. If its process died,
    its files are deleted after ``2 * idle`` seconds.
    """

    def __init__(
        self,
        root: Path | str,
        *,
        keep: int = KEPT_SNAPSHOTS,
        grace: float = 15 * MINUTE,
        idle: float = IDLE_SECONDS,
    ) -> None:
        """Open a store, or create one. Raises NotAllowedError, StoreVersionError, StorageError."""
        self.root = Path(root)
        if any("\ud800" <= letter <= "\udfff" for letter in str(self.root)):
            raise NotAllowedError(f"the store's path {str(self.root)!r} is not UTF-8, so pyarrow can't open its files")
        self._keep = max(keep, 1)
        self._grace = grace
        self._idle = idle
        self._files = FileCache()
        self._lock = Lock()
        self._live: WeakSet[Snapshot] = WeakSet()
        self._transactions: dict[str, Transaction] = {}
        self._pruned: dict[str, float] = {}
        self.failed_prunes = 0
        with writing("the store"):
            create_store(self.root)
            retention.finish_drops(self.root)
            for paths in repos_of(self.root):
                retention.sweep(paths, self._dead_after)

    def repos(self) -> list[str]:
        """The repos that have a snapshot, sorted."""
        return [paths.name for paths in repos_of(self.root) if has_snapshot(paths)]

    def snapshots(self, repo: str) -> list[Snapshot]:
        """The listed snapshots, oldest first. Raises InvalidNameError, UnknownRepoError."""
        paths = self._paths(repo)
        self._require(paths)
        found = []
        for number in listed_numbers(paths):
            with suppress(UnknownSnapshotError):  # deleted after it was listed
                found.append(self._opened(paths, load(paths, number)))
        return found

    def snapshot(self, repo: str, number: int | None = None) -> Snapshot:
        """A snapshot; None is the newest. Raises InvalidNameError, UnknownRepoError, UnknownSnapshotError."""
        paths = self._paths(repo)
        if number is None:
            return self._opened(paths, load(paths, self._require(paths)))
        if not retention.may_open(paths, number, self._grace):
            self._require(paths)
            listed = one_of(map(str, listed_numbers(paths)))
            raise UnknownSnapshotError(f"{repo} has no snapshot {number}; allowed: {listed}")
        return self._opened(paths, load(paths, number))

    def begin(self, repo: str, *, files: int | None = None) -> Transaction:
        """A transaction on the newest snapshot. ``files``, roughly the repo's number of files, gives its parts.

        The number of parts grows when there are more files than before, and never shrinks.
        """
        paths = self._paths(repo)
        if files is not None and not 0 <= files <= MAX_PARTS * FILES_PER_PART:
            raise NotAllowedError(f"files is {files}; allowed: 0 to {MAX_PARTS * FILES_PER_PART}")
        base = newest(paths)
        parts = max(1 if base is None else base.parts, parts_for(files or 0))
        transaction = Transaction(paths, base, parts, on_commit=partial(self._committed, paths), on_end=self._forget)
        self._expire()
        with self._lock:
            self._transactions[transaction.id] = transaction
        return transaction

    def transaction(self, txn_id: str) -> Transaction:
        """A running transaction of this process. Raises UnknownTransactionError."""
        self._expire()
        with self._lock:
            transaction = self._transactions.get(txn_id)
        if transaction is None:
            raise no_transaction(txn_id)
        return transaction

    def committed(self, txn_id: str) -> Snapshot | None:
        """The listed snapshot that an earlier commit of this transaction made, so a commit may be repeated.

        Raises OutcomeUnknownError if the disk still does not confirm it.
        """
        for paths in repos_of(self.root):
            for number in reversed(listed_numbers(paths)):
                with suppress(StoreCorruptError, UnknownSnapshotError):
                    manifest = load(paths, number)
                    if manifest.transaction == txn_id:
                        confirm(paths, manifest)
                        return self._opened(paths, manifest)
        return None

    def drop(self, repo: str) -> None:
        """Delete a repo, which becomes invisible at once. Its readers may fail with SnapshotGoneError."""
        paths = self._stored(repo)
        with self._lock:
            running = [transaction for transaction in self._transactions.values() if transaction.repo == repo]
        for transaction in running:
            transaction.abort()
        with writing(f"dropping {repo}"):
            try:
                retention.drop(paths)
            except FileNotFoundError as error:  # another process dropped it first
                raise self._unknown(repo) from error

    def prune(
        self, repo: str, *, keep: int | None = None, older_than: float = 0.0, grace: float | None = None
    ) -> Pruned:
        """Retire old snapshots, and delete files that only retired snapshots have, after the grace period.

        Without arguments it does what commits do once a minute. Raises UnknownRepoError, StorageError.
        """
        paths = self._paths(repo)
        self._require(paths)
        with self._lock:
            held = {snapshot.number for snapshot in self._live if snapshot.repo == repo}
        with writing(f"pruning {repo}"):
            retired = retention.retire(paths, max(self._keep if keep is None else keep, 1), older_than)
            seconds = self._grace if grace is None else grace
            freed = retention.prune(paths, grace=seconds, age=self._dead_after, held=held)
        return Pruned(tuple(retired), freed)

    def rollback(self, repo: str, number: int) -> Snapshot:
        """A new snapshot with the rows of an older one. Raises the errors of ``snapshot``, StorageError."""
        old = self.snapshot(repo, number)
        paths = self._paths(repo)
        with writing(f"the rollback of {repo}"):
            manifest = publish_tables(paths, old.parts, old.manifest.tables, {"rollback": str(number)})
        return self._committed(paths, manifest)

    def pin(self, repo: str, number: int, *, pinned: bool = True) -> None:
        """Keep a snapshot listed until it is unpinned. Raises the errors of ``snapshot``, StorageError."""
        self.snapshot(repo, number)
        marker = self._paths(repo).pinned(number)
        with writing(f"the pin of snapshot {number}"):
            if pinned:
                marker.touch()
            else:
                marker.unlink(missing_ok=True)

    def is_pinned(self, snapshot: Snapshot) -> bool:
        """Whether a snapshot stays listed until it is unpinned."""
        return self._paths(snapshot.repo).pinned(snapshot.number).exists()

    def check(self, repo: str, artifacts: ArtifactStore) -> RepoCheck:
        """Read every file of a repo, and report what is wrong. Raises UnknownRepoError, StorageError."""
        return check_repo(self._stored(repo), artifacts)

    def is_sound(self, repo: str) -> bool:
        """Whether the newest snapshot is whole. This process reads each file once, so a second call costs little."""
        try:
            paths = self._stored(repo)
            head = newest(paths)
            for entry in (
                () if head is None else (file for table in head.tables.values() for file in table.files.values())
            ):
                self._files.fragment(paths.folder / entry.file, entry)
        except (StoreCorruptError, SnapshotGoneError):
            return False
        return True

    def repair(self, repo: str, artifacts: ArtifactStore) -> tuple[str, ...]:
        """Repair a repo; returns a sentence for each step. Raises UnknownRepoError, StorageError."""
        with writing(f"the repair of {repo}"):
            return repair_repo(self._stored(repo), artifacts)

    def sizes(self, repo: str, artifacts: ArtifactStore) -> dict[str, int]:
        """The bytes of a repo on disk: committed files, those of the newest snapshot, staged files, cached results."""
        paths = self._stored(repo)
        newest_files = () if (head := newest(paths)) is None else head.files()
        return {
            "raw": retention.folder_bytes(paths.raw),
            "newest": sum((paths.folder / name).stat().st_size for name in newest_files),
            "staging": retention.folder_bytes(paths.staging),
            "cached": artifacts.repo_bytes(repo),
        }

    def _stored(self, repo: str) -> RepoPaths:
        """The folders of a repo, which may be damaged; raises UnknownRepoError."""
        paths = self._paths(repo)
        if not paths.numbers():
            raise self._unknown(repo)
        return paths

    @property
    def _repos(self) -> Path:
        return self.root / "repos"

    @property
    def _dead_after(self) -> float:
        return 2 * self._idle

    def _paths(self, repo: str) -> RepoPaths:
        return RepoPaths(self._repos / checked_name("repo", repo))

    def _require(self, paths: RepoPaths) -> int:
        """The newest snapshot's number; raises UnknownRepoError."""
        number = newest_number(paths)
        if number is None:
            raise self._unknown(paths.name)
        return number

    def _unknown(self, repo: str) -> UnknownRepoError:
        return UnknownRepoError(f"there is no repo {repo}; allowed: {one_of(self.repos()) or '(none yet)'}")

    def _opened(self, paths: RepoPaths, manifest: Manifest, *, is_read: bool = True) -> Snapshot:
        if is_read:
            retention.note_read(paths, manifest.number)
        snapshot = Snapshot(paths, manifest, self._files)
        with self._lock:
            self._live.add(snapshot)
        return snapshot

    def _forget(self, txn_id: str) -> None:
        with self._lock:
            self._transactions.pop(txn_id, None)

    def _expire(self) -> None:
        with self._lock:
            idle = [txn for txn in self._transactions.values() if txn.idle_seconds > self._idle]
        for transaction in idle:
            transaction.abort()

    def _committed(self, paths: RepoPaths, manifest: Manifest) -> Snapshot:
        """Retire an old snapshot after a commit, and prune once a minute. Errors don't undo the commit."""
        try:
            retention.retire_one(paths, manifest.number - self._keep)
            now = time.monotonic()
            if now - self._pruned.get(paths.name, -inf) >= min(self._grace, MINUTE):
                self._pruned[paths.name] = now
                self.prune(paths.name)
        except (OSError, DataError) as error:
            self.failed_prunes += 1
            LOG.warning("old snapshots of %s could not be deleted: %s", paths.name, error)
        return self._opened(paths, manifest, is_read=False)


def no_transaction(txn_id: str) -> UnknownTransactionError:
    """The error for the id of no running transaction."""
    return UnknownTransactionError(
        f"there is no transaction {txn_id[:40]!r}: it has ended, has expired, or never existed"
    )
