"""The gate: from a call's ``authorization`` header to the identity of its caller."""

import base64
import binascii
import logging
import time
from dataclasses import dataclass, field
from threading import Lock

from flight_server.access.identities import OWNER, PUBLIC, Identity, UnauthenticatedError
from flight_server.access.tokens import TokenFile

LOG = logging.getLogger("flight_server")
LOGGED_EVERY = 1.0  # seconds between lines on refused callers


class RefusalLog:
    """Logs refused callers, at most one line a second however many there are."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._count = 0
        self._logged = 0.0

    def note(self) -> None:
        """Count a refused call."""
        with self._lock:
            self._count += 1
            now = time.monotonic()
            if now - self._logged < LOGGED_EVERY:
                return
            count, self._count, self._logged = self._count, 0, now
        LOG.warning("refused %d calls without a valid token", count)


@dataclass(frozen=True)
class Gate:
    """How callers are recognized: by the tokens of a file; without one, everybody owns everything.

    With ``public_read``, a call without a token may read every repo.
    """

    tokens: TokenFile | None = None
    public_read: bool = False
    _refused: RefusalLog = field(default_factory=RefusalLog)

    @property
    def is_open(self) -> bool:
        """Whether everybody may do everything."""
        return self.tokens is None and not self.public_read

    def identity(self, authorization: str | None) -> Identity:
        """Who sends this header, ``Bearer TOKEN`` or ``Basic`` with the token as the password.

        Raises UnauthenticatedError.
        """
        if self.is_open:
            return OWNER
        if not authorization and self.public_read:
            return PUBLIC
        try:
            return self._known(secret_of(authorization))
        except UnauthenticatedError:
            self._refused.note()
            raise

    def _known(self, secret: str) -> Identity:
        if self.tokens is None:
            raise UnauthenticatedError("this server knows no tokens: call it without one")
        return self.tokens.identity(secret)


def secret_of(authorization: str | None) -> str:
    """The token in an ``authorization`` header; raises UnauthenticatedError, whose message never repeats the header."""
    scheme, _, value = (authorization or "").partition(" ")
    match scheme.lower():
        case "":
            raise UnauthenticatedError("this server needs a token: send the header authorization: Bearer TOKEN")
        case "bearer":
            return value.strip()
        case "basic":
            try:
                text = base64.b64decode(value.strip(), validate=True).decode()
            except (binascii.Error, ValueError):
                raise UnauthenticatedError("the header authorization: Basic is not base64 of USER:TOKEN") from None
            return text.partition(":")[2]
        case _:
            raise UnauthenticatedError("the header authorization is Bearer TOKEN, or Basic with the token as password")
