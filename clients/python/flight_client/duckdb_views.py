"""A repository in DuckDB: a schema with a view for each dataset."""

from collections.abc import Mapping
from typing import Protocol

from flight_client.dataset import FlightDataset


class DuckDBConnection(Protocol):
    """The methods of a DuckDB connection that are called here; the client does not need DuckDB itself."""

    def register(self, view_name: str, python_object: object) -> object:
        """Make an object a temporary view."""

    def execute(self, query: str) -> object:
        """Run a statement."""


def create_views(connection: DuckDBConnection, repo: str, datasets: Mapping[str, FlightDataset]) -> None:
    """A schema named ``repo`` in the connection's database, with a view of each dataset; they replace older views."""
    schema = _quoted(repo)
    connection.execute(f"create schema if not exists {schema}")
    for name, dataset in datasets.items():
        registered = f"{repo}.{name}"
        connection.register(registered, dataset)
        # a registered object is a temporary view, which can't have a schema of its own
        connection.execute(f"create or replace view {schema}.{_quoted(name)} as from temp.{_quoted(registered)}")


def _quoted(name: str) -> str:
    doubled = name.replace('"', '""')
    return f'"{doubled}"'
