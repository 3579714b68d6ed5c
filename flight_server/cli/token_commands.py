"""``token``: makes, lists and revokes the tokens of callers. A running server notices each change."""

from datetime import UTC, datetime
from pathlib import Path

import click

from flight_server.access.identities import Grant, right_of
from flight_server.access.tokens import Token, TokenFile
from flight_server.cli.table import print_rows

_FILE = click.option(
    "--tokens",
    "path",
    required=True,
    type=click.Path(path_type=Path, dir_okay=False),
    help="The file of tokens, which the server has as --tokens.",
)


@click.group()
def token() -> None:
    """Make, list or revoke the tokens by which callers are recognized.

    Example: flight-server token new ci --tokens tokens.json --repo 'django*' --can write
    """


@token.command()
@_FILE
@click.argument("name")
@click.option(
    "--repo", "repos", multiple=True, default=("*",), show_default=True, help="A pattern of repos; repeatable."
)
@click.option("--can", default="read", show_default=True, help="read, write (and read) or admin (all).")
@click.option("--days", type=click.FloatRange(0, min_open=True), help="Days until it expires.  [default: never]")
def new(path: Path, name: str, repos: tuple[str, ...], can: str, days: float | None) -> None:
    """Make a token for NAME, and print it. It is shown this once: the file has its hash alone.

    Example: flight-server token new ci --tokens tokens.json --repo 'django*' --can write --days 90
    """
    right = right_of(can.split(","))
    made, secret = TokenFile(path).add(name, [Grant(pattern, right) for pattern in repos], days)
    click.echo(secret)
    click.echo(f"token {made.id} of {name}: {_rights(made)}, {_expiry(made)}", err=True)


@token.command("list")
@_FILE
def list_tokens(path: Path) -> None:
    """List the tokens, without their secrets.

    Example: flight-server token list --tokens tokens.json
    """
    rows = [(each.id, each.name, _rights(each), _expiry(each)) for each in TokenFile(path).tokens()]
    print_rows(("id", "name", "rights", "expires"), rows)


@token.command()
@_FILE
@click.argument("token_id")
def revoke(path: Path, token_id: str) -> None:
    """Revoke a token: running servers refuse it from the next call on.

    Example: flight-server token revoke 1f2e3d4c --tokens tokens.json
    """
    revoked = TokenFile(path).revoke(token_id)
    click.echo(f"revoked token {revoked.id} of {revoked.name}")


def _rights(made: Token) -> str:
    return ", ".join(f"{grant.right.name.lower()} {grant.repos}" for grant in made.grants)


def _expiry(made: Token) -> str:
    if made.expires is None:
        return "never expires"
    return f"until {datetime.fromtimestamp(made.expires, UTC):%Y-%m-%d %H:%M} UTC"
