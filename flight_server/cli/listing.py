"""``ls``: the repos, or the datasets of one repo. With ``--store``, repos are listed without loading a server."""

from collections.abc import Iterable, Mapping

import click

from flight_server.cli.session import Target, interruptible, with_target
from flight_server.storage.paths import has_snapshot, repos_of


@click.command()
@with_target()
@click.argument("repo", required=False)
def ls(target: Target, repo: str | None) -> None:
    """List the repos, or the datasets of one repo.

    Outputs come first, then the raw tables, with the number of rows where it is known.

    Example: flight-server ls django
    """
    with interruptible():
        if repo is not None:
            _print_datasets(target, repo)
        elif target.store is not None:
            _print_names(paths.name for paths in repos_of(target.store) if has_snapshot(paths))
        else:
            with target.client() as client:
                _print_names(client.repos())


def _print_names(names: Iterable[str]) -> None:
    for name in names:
        click.echo(name)


def _print_datasets(target: Target, repo: str) -> None:
    with target.client() as client:
        for found in sorted(client.infos(repo), key=lambda each: _tag(each.metadata, "kind") == "raw"):
            rows = "-" if found.rows is None else found.rows
            kind, layer = _tag(found.metadata, "kind"), _tag(found.metadata, "layer")
            click.echo(f"{found.dataset:<34} {rows:>12}  {kind:<7} {layer}")


def _tag(metadata: Mapping[str, object], key: str) -> str:
    tags = metadata.get("tags")
    return str(tags.get(key)) if isinstance(tags, dict) else ""
