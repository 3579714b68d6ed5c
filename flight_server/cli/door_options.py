"""The options of the door: encryption, tokens, and readers without a token."""

from pathlib import Path
from typing import TypedDict

import click

from flight_server.access.door import Certificate, Door
from flight_server.access.gate import Gate
from flight_server.access.tokens import TokenFile
from flight_server.cli.session import options

_FILE = click.Path(path_type=Path, dir_okay=False)


class DoorOptions(TypedDict):
    """The options of the door."""

    tls_cert: Path | None
    tls_key: Path | None
    tls_client_ca: Path | None
    tokens: Path | None
    public_read: bool
    insecure_no_tls: bool


def door_of(given: DoorOptions) -> Door:
    """The door by the options. Raises UsageError, BindError, TokenFileError."""
    tls_cert, tls_key, tls_client_ca = given["tls_cert"], given["tls_key"], given["tls_client_ca"]
    if (tls_cert is None) != (tls_key is None):
        raise click.UsageError("--tls-cert and --tls-key are given together")
    if tls_client_ca is not None and tls_cert is None:
        raise click.UsageError("--tls-client-ca needs --tls-cert and --tls-key")
    certificate = None
    if tls_cert is not None and tls_key is not None:
        certificate = Certificate(tls_cert, tls_key, tls_client_ca)
    tokens = None if given["tokens"] is None else TokenFile(given["tokens"])
    if tokens is not None:
        tokens.tokens()  # a damaged file is reported now, not at the first call
    return Door(Gate(tokens, given["public_read"]), certificate, given["insecure_no_tls"])


DOOR_OPTIONS = options(
    click.option("--tls-cert", type=_FILE, help="The server's certificate (PEM): callers use grpc+tls://."),
    click.option("--tls-key", type=_FILE, help="The private key of --tls-cert (PEM)."),
    click.option("--tls-client-ca", type=_FILE, help="The CA (PEM) by which callers' certificates must be signed."),
    click.option("--tokens", type=_FILE, help="The file of tokens (see `token`): callers need one."),
    click.option("--public-read", is_flag=True, help="Callers without a token may read all repos."),
    click.option("--insecure-no-tls", is_flag=True, help="Let other machines call without encryption."),
)
