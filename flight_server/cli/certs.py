"""``certs``: a certificate authority and a server's certificate for development. It needs the extra ``certs``."""

import ipaddress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

_Key = ec.EllipticCurvePrivateKey


@click.command()
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
@click.option(
    "--host", "hosts", multiple=True, default=("localhost", "127.0.0.1"), show_default=True, help="Repeatable."
)
@click.option("--days", type=click.IntRange(1), default=90, show_default=True, help="Days for which they are valid.")
def certs(folder: Path, hosts: tuple[str, ...], days: int) -> None:
    """Make a CA and certificates for development.

    FOLDER gets those of the CA, a server and a client.

    Example: flight-server certs ./certs --host build.example --host 10.0.0.7
    """
    names = ("ca.pem", "server.pem", "server-key.pem", "client.pem", "client-key.pem")
    taken = [name for name in names if (folder / name).exists()]
    if taken:
        raise click.UsageError(f"{folder} has {taken[0]} already; nothing was changed")
    folder.mkdir(parents=True, exist_ok=True)
    ca_key = ec.generate_private_key(ec.SECP256R1())
    ca = _signed("flight-server development CA", ca_key, None, ca_key, days, ())
    (folder / "ca.pem").write_bytes(ca.public_bytes(serialization.Encoding.PEM))
    for name, alternatives in (("server", hosts), ("client", ())):
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = _signed(hosts[0] if name == "server" else name, key, ca, ca_key, days, alternatives)
        (folder / f"{name}.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        private = folder / f"{name}-key.pem"
        private.touch(mode=0o600)
        private.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
    click.echo(f"server: --tls-cert {folder / 'server.pem'} --tls-key {folder / 'server-key.pem'}")
    click.echo(f"client: FLIGHT_SERVER_TLS_CA={folder / 'ca.pem'}")


def _signed(
    name: str, key: _Key, issuer: x509.Certificate | None, issuer_key: _Key, days: int, hosts: tuple[str, ...]
) -> x509.Certificate:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject if issuer is None else issuer.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + timedelta(days=days))
        .add_extension(x509.BasicConstraints(ca=issuer is None, path_length=None), critical=True)
    )
    if hosts:
        made = made.add_extension(x509.SubjectAlternativeName([_alternative(host) for host in hosts]), critical=False)
    return made.sign(issuer_key, hashes.SHA256())


def _alternative(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)
