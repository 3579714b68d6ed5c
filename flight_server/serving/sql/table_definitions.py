"""Defines what a statement names, in the database of its query.

Each repo is a schema, each dataset a view in it, over the object that reads the dataset. Only what a statement needs is
defined, since a view takes about a millisecond.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import duckdb

from arrowdsl.errors import one_of
from flight_client.contracts.tables import TABLES
from flight_server.serving.snapshot_results import SnapshotResults
from flight_server.serving.sql.database import CATALOG
from flight_server.serving.sql.macro_texts import MACROS, macros_used, words
from flight_server.serving.sql.query_reads import QueryReads, QueryTable
from flight_server.serving.sql.statement import Statement
from flight_server.serving.sql_request import SqlError

ResultsOf = Callable[[str], SnapshotResults]  # of a repo's newest snapshot
_MANY = 2  # a macro may read a table more than once


@dataclass
class RepoNeeds:
    """What a statement needs of one repo: how often it names each table, and the texts of macros by name."""

    tables: Counter[str] = field(default_factory=Counter)
    macros: dict[str, str] = field(default_factory=dict)


def define(
    connection: duckdb.DuckDBPyConnection,
    statement: Statement,
    needed: Mapping[str, RepoNeeds],
    results_of: ResultsOf,
    reads: QueryReads,
) -> None:
    """Define the tables and macros that a statement needs, by repo. Raises the errors of the snapshots."""
    for repo, needs in needed.items():
        results, schema = results_of(repo), f"{CATALOG}.{_quoted(repo)}"
        connection.execute(f"create schema {schema}; use {schema}")
        columns = statement.columns.union(*map(words, needs.macros.values()))
        for name, times in needs.tables.items():
            held = columns if times > 1 or statement.repeats else None
            connection.register(f"{repo}.{name}", QueryTable(name, results, reads, held).dataset())
            connection.execute(f"create view {_quoted(name)} as from temp.main.{_quoted(f'{repo}.{name}')}")
        for text in needs.macros.values():
            connection.execute(text)


def needs_of(statement: Statement, repo: str | None, repos: list[str]) -> Mapping[str, RepoNeeds]:
    """What a statement needs, by repo. The last one is ``repo``, or the only one: its names need no schema.

    Raises SqlError for a name without a schema if there is no such repo.
    """
    default = repos[0] if repo is None and len(repos) == 1 else repo
    owners = {"": default} | {each.lower(): each for each in repos}
    needed = defaultdict[str, RepoNeeds](RepoNeeds)
    for (schema, table), times in statement.tables.items():
        if table in TABLES and schema in owners:
            needed[_owner(owners[schema], table, repos)].tables[table] += times
    for schema, function in statement.functions:
        if function in MACROS and schema in owners:
            owner = needed[_owner(owners[schema], function, repos)]
            owner.macros |= macros_used(function)
            read = TABLES.keys() & frozenset[str]().union(*map(words, owner.macros.values()))
            owner.tables.update(dict.fromkeys(read, _MANY))
    if statement.reads_catalog:
        for each in repos:
            needed[each].tables.update(TABLES.keys())
    if default is not None:
        needed[default] = needed.pop(default, RepoNeeds())
    return needed


def _owner(repo: str | None, name: str, repos: list[str]) -> str:
    if repo is None:
        raise SqlError(f"which repo's {name}? Name the repo, as in {_quoted('REPO')}.{name}; repos: {one_of(repos)}")
    return repo


def _quoted(name: str) -> str:
    """A name of any characters as an identifier.

    >>> _quoted("flight-server")
    '"flight-server"'
    """
    return '"' + name.replace('"', '""') + '"'
