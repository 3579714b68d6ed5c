"""Closing a client's connection from the server.

gRPC offers no way to end a call that waits for its client: one that neither reads nor writes would hold a thread for
ever. When its socket is shut down, gRPC sees a lost connection and ends the call. The socket is found among the open
file descriptors of this process, by the address of its other end.
"""

import os
import socket
import stat
from contextlib import suppress
from pathlib import Path
from urllib.parse import unquote

_DESCRIPTORS = Path("/dev/fd")
_MAPPED = "::ffff:"  # an IPv4 address on a socket for both protocols


def disconnect(peer: str) -> bool:
    """Shut down the connection with ``peer``, such as ``ipv4:127.0.0.1:4711``; returns whether there was one."""
    _, _, address = peer.partition(":")
    host, _, port = unquote(address).rpartition(":")
    if not port.isdecimal():
        return False
    wanted = (host.strip("[]"), int(port))
    descriptors = [int(entry.name) for entry in _DESCRIPTORS.iterdir() if entry.name.isdecimal()]
    return any(_shut_down(descriptor, wanted) for descriptor in descriptors)


def _shut_down(descriptor: int, wanted: tuple[str, int]) -> bool:
    with suppress(OSError):  # the descriptor was closed meanwhile, or is a socket that is not connected
        if stat.S_ISSOCK(os.fstat(descriptor).st_mode):
            with socket.socket(fileno=os.dup(descriptor)) as connection:
                if _other_end(connection) == wanted:
                    connection.shutdown(socket.SHUT_RDWR)
                    return True
    return False


def _other_end(connection: socket.socket) -> tuple[str, int] | None:
    match connection.getpeername():
        case (str(host), int(port), *_):
            return host.removeprefix(_MAPPED), port
    return None
