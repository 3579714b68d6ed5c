"""Identities and their rights on repos.

A right includes those before it: who may write a repo may read it, and who administers it may also drop it, prune it
and roll it back.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum
from fnmatch import fnmatchcase

from arrowdsl.errors import DataError


class Right(IntEnum):
    """What may be done with a repo."""

    READ = 1
    WRITE = 2
    ADMIN = 3


class UnauthenticatedError(DataError):
    """A call without a valid token."""

    code = "unauthenticated"


class ForbiddenError(DataError):
    """A call for which the identity's rights do not suffice."""

    code = "forbidden"


class BadRightsError(DataError):
    """The description of a right or a repo pattern that can't be understood."""

    code = "bad_rights"


@dataclass(frozen=True)
class Grant:
    """A right on all repos whose names match ``repos``, a pattern with ``*`` and ``?``."""

    repos: str
    right: Right


@dataclass(frozen=True)
class Identity:
    """Somebody who calls: a name for the log, and grants."""

    name: str
    grants: tuple[Grant, ...]

    def may(self, right: Right, repo: str) -> bool:
        """Whether a grant gives this right on the repo."""
        return any(grant.right >= right and fnmatchcase(repo, grant.repos) for grant in self.grants)

    @property
    def owns_all(self) -> bool:
        """Whether the identity may do everything."""
        return Grant("*", Right.ADMIN) in self.grants


OWNER = Identity("owner", (Grant("*", Right.ADMIN),))  # everybody, on a server without authentication
PUBLIC = Identity("public", (Grant("*", Right.READ),))  # calls without a token, with ``--public-read``


def right_of(names: Iterable[str]) -> Right:
    """The highest of the rights that are named: ``read``, ``write``, ``admin``.

    >>> right_of(["read", "write"]).name
    'WRITE'
    """
    known = {right.name.lower(): right for right in Right}
    given = [name.strip() for name in names]
    unknown = [name for name in given if name not in known]
    if unknown or not given:
        raise BadRightsError(f"{', '.join(unknown) or 'nothing'} is no right; allowed: {', '.join(known)}")
    return max(known[name] for name in given)
