"""Tokens: secrets that callers send, each with a name, rights and an expiry, kept as hashes in a JSON file.

A token is 32 random bytes in base64 after a prefix, so a plain SHA-256 of it can't be reversed by guessing. A running
server reads the file again when it has changed: a new or revoked token counts at the next call.
"""

import fcntl
import hashlib
import hmac
import json
import os
import secrets
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import Any
from uuid import uuid4

from arrowdsl.errors import DataError
from flight_server.access.identities import Grant, Identity, Right, UnauthenticatedError

PREFIX = "fls_"
DAY = 24 * 60 * 60.0


class TokenFileError(DataError):
    """A token file that can't be read, or is none."""

    code = "bad_token_file"


@dataclass(frozen=True)
class Token:
    """A token as the file has it; times are seconds since 1970, and ``expires`` is None for never."""

    id: str
    name: str
    digest: str
    grants: tuple[Grant, ...]
    created: float
    expires: float | None = None

    @property
    def identity(self) -> Identity:
        """Who sends the token."""
        return Identity(self.name, self.grants)

    def is_expired(self, now: float) -> bool:
        """Whether the token is no longer valid."""
        return self.expires is not None and now >= self.expires


@dataclass
class TokenFile:
    """The tokens in a file; one process or several may read and change it."""

    path: Path
    _lock: Lock = field(default_factory=Lock)
    _version: tuple[int, ...] | None = None
    _tokens: tuple[Token, ...] = ()

    def identity(self, secret: str) -> Identity:
        """Who sends this secret. Raises UnauthenticatedError, which tells nobody why a token is not valid."""
        digest = _digest(secret)
        found = [token for token in self.tokens() if hmac.compare_digest(token.digest, digest)]
        if not found or found[0].is_expired(time.time()):
            raise UnauthenticatedError("the token is not valid here: it is unknown, revoked or expired")
        return found[0].identity

    def tokens(self) -> tuple[Token, ...]:
        """All tokens, expired ones too, in the order in which they were made."""
        with self._lock:
            version = self._found_version()
            if version != self._version:
                self._tokens = self._read()
                self._version = version
            return self._tokens

    def add(self, name: str, grants: Sequence[Grant], days: float | None = None) -> tuple[Token, str]:
        """Make a token; returns it with its secret, which is stored nowhere."""
        secret = f"{PREFIX}{secrets.token_urlsafe(32)}"
        now = time.time()
        expires = None if days is None else now + days * DAY
        token = Token(uuid4().hex[:8], name, _digest(secret), tuple(grants), now, expires)
        with self._changing():
            self._write((*self._read(), token))
        return token, secret

    def revoke(self, token_id: str) -> Token:
        """Remove a token; raises TokenFileError if there is none of this id."""
        with self._changing():
            tokens = self._read()
            revoked = [token for token in tokens if token.id == token_id]
            if not revoked:
                known = ", ".join(token.id for token in tokens) or "none"
                raise TokenFileError(f"there is no token {token_id}; tokens: {known}")
            self._write([token for token in tokens if token.id != token_id])
        return revoked[0]

    @contextmanager
    def _changing(self) -> Iterator[None]:
        """A block that reads the tokens and writes them again; other processes wait, with a lock on the file's folder.

        Without it, a process that read the tokens before another one revoked one would write the revoked token again.
        """
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            folder = os.open(self.path.parent, os.O_RDONLY)
        except OSError as error:
            raise TokenFileError(f"the token file can't be written: {error.strerror}") from error
        try:
            fcntl.flock(folder, fcntl.LOCK_EX)
            yield
        finally:
            os.close(folder)  # which releases the lock

    def _found_version(self) -> tuple[int, ...] | None:
        try:
            found = self.path.stat()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise TokenFileError(f"the token file can't be read: {error.strerror}") from error
        return (found.st_ino, found.st_mtime_ns, found.st_size)

    def _read(self) -> tuple[Token, ...]:
        try:
            document = json.loads(self.path.read_text(encoding="utf-8"))
            return tuple(map(_token, document["tokens"]))
        except FileNotFoundError:
            return ()
        except OSError as error:
            raise TokenFileError(f"the token file can't be read: {error.strerror}") from error
        except (ValueError, KeyError, TypeError) as error:
            raise TokenFileError("the token file is damaged: it is not JSON with a list of tokens") from error

    def _write(self, tokens: Sequence[Token]) -> None:
        """Replace the file in one step. It has hashes and no secrets, yet only its owner may read it."""
        draft = self.path.with_name(f"{self.path.name}.{uuid4().hex}")
        text = json.dumps({"tokens": [_document(token) for token in tokens]}, indent=1)
        try:
            with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            draft.replace(self.path)
        except OSError as error:
            draft.unlink(missing_ok=True)
            raise TokenFileError(f"the token file can't be written: {error.strerror}") from error


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def _document(token: Token) -> dict[str, Any]:
    grants = [{"repos": grant.repos, "right": grant.right.name.lower()} for grant in token.grants]
    return {**vars(token), "grants": grants}


def _token(document: dict[str, Any]) -> Token:
    grants = tuple(Grant(str(each["repos"]), Right[each["right"].upper()]) for each in document["grants"])
    expires = document["expires"]
    return Token(
        str(document["id"]),
        str(document["name"]),
        str(document["digest"]),
        grants,
        float(document["created"]),
        None if expires is None else float(expires),
    )
