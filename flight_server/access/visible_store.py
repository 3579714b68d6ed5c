"""A store as one identity sees it: repos that it may not read do not exist for it."""

from flight_server.access.identities import ForbiddenError, Identity, Right
from flight_server.storage.artifacts import ArtifactStore
from flight_server.storage.check import RepoCheck
from flight_server.storage.snapshots import Snapshot
from flight_server.storage.store import Pruned, Store, no_transaction
from flight_server.storage.transactions import Transaction


class VisibleStore(Store):
    """The methods of a store, each with the right that it needs; a method without a rule here would fail.

    The right is checked before the store is asked, so neither the answer nor its time tells a hidden repo from one that
    does not exist.
    """

    def __init__(self, store: Store, identity: Identity) -> None:
        self.root = store.root
        self._store = store
        self._identity = identity

    def repos(self) -> list[str]:
        """The repos that the identity may read."""
        return [repo for repo in self._store.repos() if self._identity.may(Right.READ, repo)]

    def snapshots(self, repo: str) -> list[Snapshot]:
        """As of a store; needs the right to read."""
        self._check(Right.READ, repo)
        return self._store.snapshots(repo)

    def snapshot(self, repo: str, number: int | None = None) -> Snapshot:
        """As of a store; needs the right to read."""
        self._check(Right.READ, repo)
        return self._store.snapshot(repo, number)

    def is_pinned(self, snapshot: Snapshot) -> bool:
        """As of a store; needs the right to read."""
        self._check(Right.READ, snapshot.repo)
        return self._store.is_pinned(snapshot)

    def is_sound(self, repo: str) -> bool:
        """As of a store; needs the right to read."""
        self._check(Right.READ, repo)
        return self._store.is_sound(repo)

    def sizes(self, repo: str, artifacts: ArtifactStore) -> dict[str, int]:
        """As of a store; needs the right to read."""
        self._check(Right.READ, repo)
        return self._store.sizes(repo, artifacts)

    def begin(self, repo: str, *, files: int | None = None) -> Transaction:
        """As of a store; needs the right to write."""
        self._check(Right.WRITE, repo)
        return self._store.begin(repo, files=files)

    def transaction(self, txn_id: str) -> Transaction:
        """As of a store; needs the right to write the transaction's repo, else there is no such transaction."""
        found = self._store.transaction(txn_id)
        if not self._identity.may(Right.WRITE, found.repo):
            raise no_transaction(txn_id)
        return found

    def committed(self, txn_id: str) -> Snapshot | None:
        """As of a store; needs the right to write the snapshot's repo, else there is none."""
        found = self._store.committed(txn_id)
        return found if found is not None and self._identity.may(Right.WRITE, found.repo) else None

    def pin(self, repo: str, number: int, *, pinned: bool = True) -> None:
        """As of a store; needs the right to administer."""
        self._check(Right.ADMIN, repo)
        self._store.pin(repo, number, pinned=pinned)

    def rollback(self, repo: str, number: int) -> Snapshot:
        """As of a store; needs the right to administer."""
        self._check(Right.ADMIN, repo)
        return self._store.rollback(repo, number)

    def prune(
        self, repo: str, *, keep: int | None = None, older_than: float = 0.0, grace: float | None = None
    ) -> Pruned:
        """As of a store; needs the right to administer."""
        self._check(Right.ADMIN, repo)
        return self._store.prune(repo, keep=keep, older_than=older_than, grace=grace)

    def drop(self, repo: str) -> None:
        """As of a store; needs the right to administer."""
        self._check(Right.ADMIN, repo)
        self._store.drop(repo)

    def check(self, repo: str, artifacts: ArtifactStore) -> RepoCheck:
        """As of a store; needs the right to administer, since it reads every file."""
        self._check(Right.ADMIN, repo)
        return self._store.check(repo, artifacts)

    def repair(self, repo: str, artifacts: ArtifactStore) -> tuple[str, ...]:
        """As of a store; needs the right to administer."""
        self._check(Right.ADMIN, repo)
        return self._store.repair(repo, artifacts)

    def _check(self, right: Right, repo: str) -> None:
        """Raise UnknownRepoError for a repo that the identity may not read, ForbiddenError for one that it may."""
        if self._identity.may(right, repo):
            return
        if not self._identity.may(Right.READ, repo):
            raise self._unknown(repo)
        verb = "write" if right is Right.WRITE else "administer"
        raise ForbiddenError(f"{self._identity.name} may not {verb} the repo {repo}")
