"""``ls``: the repos, or the datasets of one repo. With ``--store``, repos are listed without loading a server."""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

import click

from flight_server.cli.session import Target, interruptible, with_target
from flight_server.storage.paths import has_snapshot, repos_of

if TYPE_CHECKING:
    from flight_client.tickets import DatasetInfo


@click.command()
@with_target()
@click.argument("repo", required=False)
@click.option("--all", "every", is_flag=True, help="Empty datasets too.")
def ls(target: Target, repo: str | None, *, every: bool) -> None:
    """List the repos, or the datasets of one repo.

    Outputs come first, then the raw tables, with rows and bytes where they are known without computing.

    Example: flight-server ls django
    """
    with interruptible():
        if repo is not None:
            _print_datasets(target, repo, every=every)
        elif target.store is not None:
            _print_names(paths.name for paths in repos_of(target.store) if has_snapshot(paths))
        else:
            with target.client() as client:
                _print_names(client.repos())


def _print_names(names: Iterable[str]) -> None:
    for name in names:
        click.echo(name)


def _print_datasets(target: Target, repo: str, *, every: bool) -> None:
    """A line for each dataset: bytes are those on disk of a raw table, and those of the cached rows of an output."""
    with target.client() as client:
        stored = client.stats(repo).get("tables")
        infos = sorted(client.infos(repo), key=lambda each: _tag(each.metadata, "kind") == "raw")
    click.echo(f"{'dataset':<34} {'rows':>12} {'bytes':>14}  {'kind':<7} {'layer':<12} cached")
    for found in infos:
        is_raw = _tag(found.metadata, "kind") == "raw"
        table = stored.get(found.dataset) if isinstance(stored, dict) else None
        size = table.get("bytes") if is_raw and isinstance(table, dict) else found.bytes
        if found.rows or every or (found.rows is None and not is_raw):
            counts = (str("-" if each is None else each) for each in (found.rows, size))
            line = "{:<34} {:>12} {:>14}".format(found.dataset, *counts)
            kind, layer = _tag(found.metadata, "kind"), _tag(found.metadata, "layer")
            click.echo(f"{line}  {kind:<7} {layer:<12} {_cached(found, is_raw=is_raw)}".rstrip())


def _cached(found: "DatasetInfo", *, is_raw: bool) -> str:
    parts = found.metadata.get("cached")
    if is_raw or not isinstance(parts, list):
        return ""
    return "yes" if found.rows is not None else "in part" if parts else "no"


def _tag(metadata: Mapping[str, object], key: str) -> str:
    tags = metadata.get("tags")
    return str(tags.get(key)) if isinstance(tags, dict) else ""
