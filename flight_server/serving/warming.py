"""Computes what readers are likely to ask for, in a thread in the background, so that a first read need not wait.

After a commit, the outputs that were read before are computed for the new snapshot. Readers that come meanwhile wait
for the same computation, or are served at once if their rows are cached.
"""

import logging
from collections import defaultdict
from collections.abc import Callable, Iterable
from queue import SimpleQueue
from threading import Event, Thread

import pyarrow as pa

from arrowdsl.errors import DataError
from arrowdsl.plan.batches import Batches
from arrowdsl.plan.stopping import Check

LOG = logging.getLogger("flight_server")
FIRST = ("call_graph",)  # the table that takes longest, and on which most others are built
STOP_SECONDS = 5.0

ReadAll = Callable[[str, str, Check], Batches]  # the rows of a repo's dataset


class WarmingStoppedError(Exception):
    """The server stops."""


class Warming:
    """The outputs that were read, by repo, and the thread that computes them; it starts with the first request."""

    def __init__(self, read: ReadAll, *, enabled: bool) -> None:
        self._read = read
        self._enabled = enabled
        self._known = defaultdict[str, set[str]](set)
        self._repos = SimpleQueue[str | None]()
        self._waiting = set[str]()  # repos in the queue: several commits in a row are one request
        self._stopped = Event()
        self._thread = Thread(target=self._run, name="warming", daemon=True)

    def note(self, repo: str, dataset: str) -> None:
        """Remember that an output was read."""
        self._known[repo].add(dataset)

    def request(self, repo: str, datasets: Iterable[str] = ()) -> None:
        """Compute the outputs of a repo that were read before, and these, in the background."""
        self._known[repo].update(datasets)
        if self._enabled and self._known[repo] and repo not in self._waiting:
            self._waiting.add(repo)
            if self._thread.ident is None:
                self._thread.start()
            self._repos.put(repo)

    def stop(self) -> None:
        """End the thread; a computation that nobody else waits for ends too."""
        self._stopped.set()
        self._repos.put(None)
        if self._thread.ident is not None:
            self._thread.join(STOP_SECONDS)

    def _run(self) -> None:
        while (repo := self._repos.get()) is not None:
            self._waiting.discard(repo)  # first, so that a commit from now on is a new request
            for dataset in sorted(self._known[repo]):
                try:
                    for _ in self._read(repo, dataset, self._check):
                        pass
                except (DataError, OSError, MemoryError, pa.ArrowException) as error:  # a reader will be told
                    LOG.info("%s of %s is not computed in the background: %s", dataset, repo, error)
                except WarmingStoppedError:
                    return

    def _check(self) -> None:
        if self._stopped.is_set():
            raise WarmingStoppedError
