"""The commands that keep a store in order: its snapshots, its sizes, the check and the repair."""

import sys
from collections.abc import Mapping
from datetime import datetime
from typing import Any, cast

import click

from flight_client import Client
from flight_server.cli.session import with_client
from flight_server.cli.table import print_rows

_UNITS = ((1024**3, "GiB"), (1024**2, "MiB"), (1024, "KiB"))
_COMMIT_DIGITS = 12
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}


@click.command()
@with_client()
@click.argument("repo")
def snapshots(client: Client, repo: str) -> None:
    """List the snapshots of a repo, the oldest first.

    Example: flight-server snapshots django
    """
    header = ("snapshot", "created", "parent", "rows", "size", "pinned", "note")
    print_rows(header, [_snapshot_row(cast("Mapping[str, Any]", each)) for each in client.snapshots(repo)])


@click.command()
@with_client()
@click.argument("repo")
@click.argument("snapshot", type=click.IntRange(1))
def rollback(client: Client, repo: str, snapshot: int) -> None:
    """Go back to an older snapshot: its rows become the newest snapshot.

    Example: flight-server rollback django 7
    """
    made = client.maintenance.rollback(repo, snapshot)
    click.echo(f"{repo}: snapshot {made['snapshot']} has the rows of snapshot {snapshot}")


@click.command()
@with_client()
@click.argument("repo")
@click.argument("snapshot", type=click.IntRange(1))
@click.option("--remove", is_flag=True, help="Remove the pin.")
def pin(client: Client, repo: str, snapshot: int, *, remove: bool) -> None:
    """Keep a snapshot, however many newer ones there are.

    Example: flight-server pin django 7
    """
    client.maintenance.pin(repo, snapshot, pinned=not remove)
    click.echo(f"{repo}: snapshot {snapshot} is {'no longer ' if remove else ''}pinned")


@click.command()
@with_client()
@click.argument("repo")
@click.option("--keep", type=click.IntRange(1), help="How many of the newest snapshots stay.  [default: the server's]")
@click.option("--older-than", metavar="TIME", callback=lambda *given: _seconds(given[-1]), help="As 90s, 15m, 12h, 7d.")
@click.option("--now", is_flag=True, help="Delete files at once, also if others may still read them.")
def prune(client: Client, repo: str, keep: int | None, older_than: int | None, *, now: bool) -> None:
    """Retire old snapshots, and delete the files that no other snapshot needs.

    The files of a snapshot that was read go 15 minutes after the last read, those of another after a minute.

    Example: flight-server prune django --keep 1 --older-than 7d
    """
    done = client.maintenance.prune(repo, keep=keep, older_than=older_than, grace=0 if now else None)
    retired = cast("list[int]", done["retired"])
    numbers = f"retired snapshots {', '.join(map(str, retired))}" if retired else "no snapshot to retire"
    click.echo(f"{repo}: {numbers}; {_size(cast('int', done['freed']))} freed")


@click.command()
@with_client()
@click.argument("repo", required=False)
def du(client: Client, repo: str | None) -> None:
    """Show the bytes of repos on disk.

    Example: flight-server du
    """
    names = client.repos() if repo is None else [repo]
    header = ("repo", "raw", "of these the newest snapshot", "staging", "cached results")
    found = [(name, client.maintenance.sizes(name)) for name in names]
    columns = ("raw", "newest", "staging", "cached")
    print_rows(header, [(name, *(_size(cast("int", sizes[each])) for each in columns)) for name, sizes in found])


@click.command()
@with_client()
@click.argument("repo", required=False)
@click.option("--repair", is_flag=True, help="Go back to the newest whole snapshot, and delete what is damaged.")
def check(client: Client, repo: str | None, *, repair: bool) -> None:
    """Read every stored file, and report damage; exits with 1 if there is any.

    Example: flight-server check django --repair
    """
    is_clean = True
    for name in client.repos() if repo is None else [repo]:
        found = cast("Mapping[str, Any]", client.maintenance.check(name, repair=repair))
        is_clean = is_clean and found["clean"]
        for step in found["steps"]:
            click.echo(f"{name}: {step}")
        for each in found["findings"]:
            click.echo(f"{name}: {each['fault']}: {each['file']} ({_size(each['bytes'])}): {each['text']}")
        whole, listed = (", ".join(map(str, found[key])) or "none" for key in ("whole", "listed"))
        click.echo(f"{name}: {'clean' if found['clean'] else 'damaged'}; whole snapshots: {whole} (of {listed})")
    if not is_clean:
        sys.exit(1)


def _snapshot_row(each: Mapping[str, Any]) -> tuple[str, ...]:
    created = datetime.fromisoformat(each["created"]).astimezone().strftime("%Y-%m-%d %H:%M:%S")
    parent = "" if each["parent"] is None else str(each["parent"])
    pinned = "yes" if each["pinned"] else ""
    return (
        str(each["snapshot"]),
        created,
        parent,
        str(each["rows"]),
        _size(each["bytes"]),
        pinned,
        _note(each["note"]),
    )


def _note(note: Mapping[str, str]) -> str:
    """A snapshot's note on one line: the label, the commit, then the rest."""
    rest = {**note}
    label, commit, dirty = (rest.pop(key, "") for key in ("label", "git_commit", "git_dirty"))
    git = f"git {commit[:_COMMIT_DIGITS]}{' with changes' if dirty == 'true' else ''}" if commit else ""
    return ", ".join(filter(None, (label, git, *(f"{key}: {value}" for key, value in rest.items()))))


def _size(size: int) -> str:
    for factor, unit in _UNITS:
        if size >= factor:
            return f"{size / factor:.1f} {unit}"
    return f"{size} B"


def _seconds(text: str | None) -> int | None:
    if text is None:
        return None
    number, unit = text[:-1], text[-1:]
    if not number.isdecimal() or unit not in _SECONDS:
        raise click.BadParameter(f"{text!r} is not a time; allowed: a whole number and one of s, m, h, d, w")
    return int(number) * _SECONDS[unit]
