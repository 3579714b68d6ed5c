"""Who writes which artifact while it streams: of several readers of a missing one, one writes and the others wait.

They wait no longer than is worth it: a writer goes at its own reader's pace, so when that one is slow, or a bound has
passed, whoever waits computes the rows for itself.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Condition
from time import monotonic

from arrowdsl.plan.stopping import check_stopped
from flight_server.serving.computations import POLL_SECONDS
from flight_server.storage.artifact_file import Artifact

SLOW_SECONDS = 0.25
WAIT_SECONDS = 10.0


@dataclass(eq=False)
class Turn:
    """What a reader may do: read the artifact that was ``found``, write it (``mine``), or go without."""

    found: Artifact | None = None
    mine: bool = False
    _away_since: float | None = None

    @contextmanager
    def away(self) -> Iterator[None]:
        """While the writer's reader has the batch."""
        self._away_since = monotonic()
        yield
        self._away_since = None

    @property
    def is_slow(self) -> bool:
        """Whether the writer has waited for its reader for long."""
        since = self._away_since
        return since is not None and monotonic() - since > SLOW_SECONDS


@dataclass(frozen=True)
class Tees:
    """The artifacts that are being written."""

    _writers: dict[str, Turn] = field(default_factory=dict)
    _changed: Condition = field(default_factory=Condition)

    @contextmanager
    def turn(self, fingerprint: str, find: Callable[[], Artifact | None]) -> Iterator[Turn]:
        """A turn for as long as the block runs. Raises what this thread's check raises while it waits."""
        turn = self._taken(fingerprint, find)
        try:
            yield turn
        finally:
            if turn.mine:
                self._end(fingerprint)

    def _taken(self, fingerprint: str, find: Callable[[], Artifact | None]) -> Turn:
        deadline = monotonic() + WAIT_SECONDS
        while True:
            check_stopped()
            with self._changed:
                writer = self._writers.get(fingerprint)
                if writer is None:
                    turn = self._writers[fingerprint] = Turn(mine=True)
                elif writer.is_slow or monotonic() > deadline:
                    return Turn()
                else:
                    self._changed.wait(POLL_SECONDS)
                    continue
            turn.found = find()  # nobody can finish it now that the turn is taken
            if turn.found is not None:
                turn.mine = False
                self._end(fingerprint)
            return turn

    def _end(self, fingerprint: str) -> None:
        with self._changed:
            self._writers.pop(fingerprint, None)
            self._changed.notify_all()
