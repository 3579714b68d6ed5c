"""The actions that keep a store and a server in order, as methods of ``client.maintenance``."""

from collections.abc import Callable, Mapping, Sequence

from flight_client.tickets import Json


class Maintenance:
    """Rollback, differences, pins, pruning, sizes, check and repair of the repositories on a server; its running calls.

    Every method raises FlightClientError when the server refuses.
    """

    def __init__(self, act: Callable[[str, Mapping[str, Json]], Mapping[str, Json]]) -> None:
        self._act = act

    def rollback(self, repo: str, snapshot: int) -> Mapping[str, Json]:
        """Make a new snapshot with the rows of an older one; the reply describes it."""
        return self._act("rollback", {"repo": repo, "snapshot": snapshot})

    def pin(self, repo: str, snapshot: int, *, pinned: bool = True) -> None:
        """Keep a snapshot listed and readable until it is unpinned."""
        self._act("pin", {"repo": repo, "snapshot": snapshot, "pinned": pinned})

    def diff(
        self, repo: str, since: int, snapshot: int | None = None, datasets: Sequence[str] | None = None
    ) -> Mapping[str, Json]:
        """How many rows differ between two snapshots, the second by default the newest.

        The reply's ``datasets`` has ``{"added", "removed", "changed"}`` for each dataset that differs; by default, raw
        tables are compared. ``Client.read`` with ``since`` reads the rows.
        """
        compared: Json = None if datasets is None else list(datasets)
        return self._act("diff", {"repo": repo, "since": since, "snapshot": snapshot, "datasets": compared})

    def prune(
        self, repo: str, *, keep: int | None = None, older_than: int | None = None, grace: int | None = None
    ) -> Mapping[str, Json]:
        """Retire old snapshots but the ``keep`` newest, and delete the files that only retired ones need.

        Only snapshots older than ``older_than`` seconds are retired. ``grace`` is the time in seconds since the last
        read after which files go. The reply has the numbers ``retired``, and the bytes ``freed``.
        """
        return self._act("prune", {"repo": repo, "keep": keep, "older_than": older_than, "grace": grace})

    def sizes(self, repo: str) -> Mapping[str, Json]:
        """The bytes of a repository on disk: ``raw``, ``newest`` (of these, the newest snapshot's), staging, cached."""
        return self._act("sizes", {"repo": repo})

    def check(self, repo: str, *, repair: bool = False) -> Mapping[str, Json]:
        """Read all files of a repository on the server, and report its faults.

        The reply has ``clean``, ``findings``, the snapshots ``listed`` and ``whole``, and the ``steps`` of a repair.
        """
        return self._act("check", {"repo": repo, "repair": repair})

    def is_sound(self, repo: str) -> bool:
        """Whether the newest snapshot's files are as they were written; the server reads each file once."""
        return bool(self._act("check", {"repo": repo, "quick": True}).get("clean"))

    def calls(self) -> list[Mapping[str, Json]]:
        """The running calls of the caller's identity; each has its request_id, method, repo, dataset, rows, seconds."""
        listed = self._act("calls", {}).get("calls")
        return [each for each in listed if isinstance(each, dict)] if isinstance(listed, list) else []

    def cancel(self, call: str) -> bool:
        """Stop a running call by its request id; returns whether there was one."""
        return bool(self._act("cancel", {"call": call}).get("cancelled"))
