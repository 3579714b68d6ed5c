"""The door: the address on which a server listens, the encryption there, and the gate that recognizes callers."""

import ipaddress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from arrowdsl.errors import DataError
from flight_server.access.gate import Gate

UNIX = "unix:"


class BindError(DataError):
    """An address on which the server can't or may not listen."""

    code = "cannot_bind"


@dataclass(frozen=True)
class Certificate:
    """The PEM files of the server's certificate and private key; ``clients`` is the CA that signed its callers'."""

    chain: Path
    key: Path
    clients: Path | None = None


@dataclass(frozen=True)
class Door:
    """Whom a server lets in, and how.

    Other machines reach it only if calls are encrypted, or ``insecure`` allows plain text, and if the gate asks for
    tokens or opens the server to readers.
    """

    gate: Gate = field(default_factory=Gate)
    certificate: Certificate | None = None
    insecure: bool = False

    def check(self, host: str) -> None:
        """Raise BindError for an address that other machines reach, unless the door protects the server there."""
        if is_here(host):
            return
        if self.certificate is None and not self.insecure:
            raise BindError(
                f"refusing to listen on {host} without encryption: tokens and rows could be read on the way; give"
                " --tls-cert and --tls-key, or --insecure-no-tls; allowed without: 127.0.0.1, ::1, localhost, unix:PATH"
            )
        if self.gate.is_open and (self.certificate is None or self.certificate.clients is None):
            raise BindError(
                f"refusing to listen on {host} without authentication: anyone who reaches it could read and write; give"
                " --tokens or --tls-client-ca, or --public-read; allowed without: 127.0.0.1, ::1, localhost, unix:PATH"
            )

    def location(self, host: str, port: int) -> str:
        """The URI of the server at an address."""
        if host.startswith(UNIX):
            return f"grpc+unix://{host.removeprefix(UNIX)}"
        scheme = "grpc" if self.certificate is None else "grpc+tls"
        return f"{scheme}://{f'[{host}]' if ':' in host else host}:{port}"

    def flight_options(self) -> dict[str, Any]:
        """The arguments of pyarrow's server. Raises BindError."""
        if self.certificate is None:
            return {}
        try:
            pair = (self.certificate.chain.read_bytes(), self.certificate.key.read_bytes())
            clients = None if self.certificate.clients is None else self.certificate.clients.read_bytes()
        except OSError as error:
            raise BindError(f"{error.filename} can't be read: {error.strerror}") from error
        verifying = {} if clients is None else {"verify_client": True, "root_certificates": clients}
        return {"tls_certificates": [pair], **verifying}


OPEN_DOOR = Door()


def is_here(host: str) -> bool:
    """Whether only this machine reaches an address."""
    if host.startswith(UNIX) or host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
