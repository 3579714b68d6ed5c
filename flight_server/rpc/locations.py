"""The locations of an endpoint: this server, and other servers over the same store.

Every endpoint lists all servers, and the first choice rotates. So the load is spread, and a reader that can't reach a
server goes to the next. This server is listed as Flight's "reuse connection", which needs no address.
"""

from collections.abc import Sequence
from urllib.parse import urlsplit

from pyarrow import flight

from arrowdsl.errors import DataError, one_of

REUSE_CONNECTION = "arrow-flight-reuse-connection://?"
SCHEMES = ("grpc", "grpc+tcp", "grpc+tls")


class LocationError(DataError):
    """An advertised address that is not the URI of a Flight server."""

    code = "invalid_location"


def checked_location(uri: str) -> str:
    """The URI; raises LocationError unless it names a Flight server's scheme, host and port."""
    try:
        parts = urlsplit(uri)
        good = parts.scheme in SCHEMES and bool(parts.hostname) and parts.port is not None
    except ValueError:  # the port is not a number
        good = False
    if not good:
        raise LocationError(f"{uri!r} is no location: SCHEME://HOST:PORT, with a scheme of {one_of(SCHEMES)}")
    return uri


def locations_of(number: int, advertised: Sequence[str]) -> list[flight.Location]:
    """The locations of an endpoint, first choice first; empty if this is the only server."""
    if not advertised:
        return []
    servers = (REUSE_CONNECTION, *advertised)
    first = number % len(servers)
    return [flight.Location(uri) for uri in (*servers[first:], *servers[:first])]
