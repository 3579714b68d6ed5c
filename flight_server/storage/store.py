"""The store: repos, their snapshots, and the transactions that make new ones. Several processes may share a folder."""

import time
from contextlib import suppress
from functools import partial
from pathlib import Path
from threading import Lock
from weakref import WeakSet

from arrowdsl.errors import DataError, one_of
from flight_client.contracts.ids import FILES_PER_PART, parts_for
from flight_server.storage import retention
from flight_server.storage.manifests import Manifest, load, newest
from flight_server.storage.paths import RepoPaths, checked_name, repos_of
from flight_server.storage.snapshots import FileCache, Snapshot
from flight_server.storage.store_errors import (
    NotAllowedError,
    UnknownRepoError,
    UnknownSnapshotError,
    UnknownTransactionError,
    writing,
)
from flight_server.storage.transactions import Transaction

MAX_PARTS = 64 * 1024
HOUR = 3600.0


class Store:
    """A folder of repos.

    The newest ``keep`` snapshots of each repo are listed; older ones are retired. A reader that has the number of a
    retired snapshot may open it for ``grace / 2`` seconds; after ``grace`` seconds its files are deleted. A transaction
    that is idle for ``idle`` seconds is aborted. If its process died, its files are deleted after ``2 * idle`` seconds.
    """

    def __init__(self, root: Path | str, *, keep: int = 5, grace: float = 2 * HOUR, idle: float = HOUR) -> None:
        self.root = Path(root)
        self._keep = max(keep, 1)
        self._grace = grace
        self._idle = idle
        self._files = FileCache()
        self._lock = Lock()
        self._live: WeakSet[Snapshot] = WeakSet()
        self._transactions: dict[str, Transaction] = {}
        self._pruned: dict[str, float] = {}
        with writing("the store"):
            self._repos.mkdir(parents=True, exist_ok=True)
            retention.finish_drops(self._repos)
            for paths in repos_of(self.root):
                retention.sweep(paths, self._dead_after)

    def repos(self) -> list[str]:
        """The repos that have a snapshot, sorted."""
        return [paths.name for paths in repos_of(self.root) if paths.visible_numbers()]

    def snapshots(self, repo: str) -> list[Snapshot]:
        """The listed snapshots, oldest first. Raises InvalidNameError, UnknownRepoError."""
        paths = self._paths(repo)
        found = []
        for number in self._numbers(paths):
            with suppress(UnknownSnapshotError):  # deleted after it was listed
                found.append(self._opened(paths, load(paths, number)))
        return found

    def snapshot(self, repo: str, number: int | None = None) -> Snapshot:
        """A snapshot; None is the newest. Raises InvalidNameError, UnknownRepoError, UnknownSnapshotError."""
        paths = self._paths(repo)
        numbers = self._numbers(paths)
        if number is None:
            number = numbers[-1]
        elif number not in numbers and not retention.is_in_grace(paths, number, self._grace / 2):
            raise UnknownSnapshotError(f"{repo} has no snapshot {number}; allowed: {one_of(map(str, numbers))}")
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
            raise UnknownTransactionError(
                f"there is no transaction {txn_id[:40]!r}: it has ended, has expired, or never existed"
            )
        return transaction

    def drop(self, repo: str) -> None:
        """Delete a repo, which becomes invisible at once. Its readers may fail with SnapshotGoneError."""
        paths = self._paths(repo)
        self._numbers(paths)  # raises if there is none
        with self._lock:
            running = [transaction for transaction in self._transactions.values() if transaction.repo == repo]
        for transaction in running:
            transaction.abort()
        with writing(f"dropping {repo}"):
            try:
                retention.drop(paths)
            except FileNotFoundError as error:  # another process dropped it first
                raise self._unknown(repo) from error

    def prune(self, repo: str) -> None:
        """Delete files that only retired snapshots have, after the grace period. Commits call this once per period."""
        paths = self._paths(repo)
        self._numbers(paths)
        with self._lock:
            held = {snapshot.number for snapshot in self._live if snapshot.repo == repo}
        with writing(f"pruning {repo}"):
            retention.retire(paths, self._keep)
            retention.prune(paths, grace=self._grace, age=self._dead_after, held=held)

    @property
    def _repos(self) -> Path:
        return self.root / "repos"

    @property
    def _dead_after(self) -> float:
        return 2 * self._idle

    def _paths(self, repo: str) -> RepoPaths:
        return RepoPaths(self._repos / checked_name("repo", repo))

    def _numbers(self, paths: RepoPaths) -> list[int]:
        numbers = paths.visible_numbers()
        if not numbers:
            raise self._unknown(paths.name)
        return numbers

    def _unknown(self, repo: str) -> UnknownRepoError:
        return UnknownRepoError(f"there is no repo {repo}; allowed: {one_of(self.repos()) or '(none yet)'}")

    def _opened(self, paths: RepoPaths, manifest: Manifest) -> Snapshot:
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
        """Retire old snapshots after a commit, and prune once per grace period. Errors don't undo the commit."""
        with suppress(OSError, DataError):
            retention.retire(paths, self._keep)
            now = time.monotonic()
            if now - self._pruned.get(paths.name, -self._grace) >= self._grace:
                self._pruned[paths.name] = now
                self.prune(paths.name)
        return self._opened(paths, manifest)
