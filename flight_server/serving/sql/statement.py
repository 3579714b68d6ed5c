"""What a SQL text reads, and whether it is allowed: one statement that reads, with functions that stay in the database.

DuckDB parses the text and gives the syntax tree as JSON (``json_serialize_sql``). In it, nodes of queries, tables and
functions have a ``type``. DuckDB itself is closed to files and network; this check also refuses what would change the
database of the query, and table functions that take pointers into the memory of the process.
"""

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import duckdb

from arrowdsl.errors import one_of
from flight_server.serving.sql.macro_texts import MACROS
from flight_server.serving.sql_request import SqlError, SqlNotAllowedError

Node = Mapping[str, Any]
Name = tuple[str, str]  # schema (empty if the text names none), and table or function; both in lower case

ALLOWED = "SELECT, FROM, VALUES, WITH, DESCRIBE, SUMMARIZE, SHOW and EXPLAIN"
_QUERY_NODES = frozenset({"SELECT_NODE", "SET_OPERATION_NODE", "RECURSIVE_CTE_NODE", "CTE_NODE"})
_SEQUENCES = ("range", "generate_series", "unnest", "repeat", "repeat_row", "json_each", "json_tree")
_CATALOG = (
    *("duckdb_columns", "duckdb_constraints", "duckdb_databases", "duckdb_functions", "duckdb_keywords"),
    *("duckdb_schemas", "duckdb_tables", "duckdb_types", "duckdb_views", "pragma_table_info", "pragma_version"),
)
_FUNCTIONS = frozenset({*_SEQUENCES, *_CATALOG, *MACROS})
_CATALOG_SCHEMAS = frozenset({"information_schema", "pg_catalog"})
_REFUSED_SCALARS = frozenset({"sleep_ms", "write_log", "setval", "nextval", "currval"})
_BLANK = r"(?:\s|--[^\n]*(?:\n|$)|/\*.*?\*/)*"
_EXPLAIN = re.compile(
    rf"{_BLANK}explain\b{_BLANK}(?:analyze\b{_BLANK})?(?:\([^()]*\){_BLANK})?", re.IGNORECASE | re.DOTALL
)


@dataclass(frozen=True)
class Statement:
    """A checked statement: how often it names each table, its table functions, and the columns that it names.

    ``reads_catalog`` means that the statement lists tables, and ``repeats`` that a part of it may run more than once.
    """

    is_explain: bool
    parameters: frozenset[str]
    tables: Mapping[Name, int]
    functions: frozenset[Name]
    columns: frozenset[str]
    reads_catalog: bool
    repeats: bool


def statement_of(connection: duckdb.DuckDBPyConnection, sql: str) -> Statement:
    """The statement in a text. Raises SqlError and SqlNotAllowedError."""
    try:
        found = connection.extract_statements(sql)
    except duckdb.Error as error:
        raise SqlError(str(error)) from None
    if len(found) != 1:
        raise SqlNotAllowedError(f"a query is one statement, given: {len(found)}")
    [given] = found
    is_explain = given.type == duckdb.StatementType.EXPLAIN
    if not is_explain and given.type != duckdb.StatementType.SELECT:
        raise SqlNotAllowedError(f"a {given.type.name} statement is not allowed; allowed: {ALLOWED}")
    nodes = list(_nodes(_tree(connection, _EXPLAIN.sub("", given.query, count=1) if is_explain else given.query)))
    for node in nodes:
        _check(node)
    functions = frozenset(_functions(nodes))
    tables = Counter(_tables(nodes))
    lists_tables = any(node.get("type") == "SHOW_REF" and node["query"] is None for node in nodes)
    return Statement(
        is_explain=is_explain,
        parameters=frozenset(given.named_parameters),
        tables=tables,
        functions=functions,
        columns=frozenset(_columns(nodes)),
        reads_catalog=lists_tables
        or any(schema in _CATALOG_SCHEMAS for schema, _ in tables)
        or any(name in _CATALOG for _, name in functions),
        repeats=any(node.get("type") == "RECURSIVE_CTE_NODE" for node in nodes),
    )


def _tree(connection: duckdb.DuckDBPyConnection, text: str) -> object:
    """The syntax tree of a query."""
    try:
        [(document,)] = connection.execute("select json_serialize_sql($1)", [text]).fetchall()
        tree = json.loads(document)
    except (duckdb.Error, RecursionError) as error:
        raise SqlError(f"the statement can't be parsed: {error}") from None
    if tree["error"]:
        raise SqlNotAllowedError(f"only queries can be explained and run ({tree['error_message']}); allowed: {ALLOWED}")
    return tree["statements"]


def _nodes(tree: object) -> Iterator[Node]:
    """The objects of the tree, in no order."""
    pending = [tree]
    while pending:
        match pending.pop():
            case dict() as node:
                yield node
                pending.extend(node.values())
            case list() as children:
                pending.extend(children)


def _check(node: Node) -> None:
    """Refuse a node that changes something, or that calls a function which is not allowed."""
    match node:
        case {"type": str(kind)} if kind.endswith("_NODE") and kind not in _QUERY_NODES:
            what = kind.removesuffix("_NODE").removesuffix("_QUERY")
            raise SqlNotAllowedError(f"{what} is not allowed inside a query; allowed: {ALLOWED}")
        case {"type": "TABLE_FUNCTION", "function": {"function_name": str(name)}} if name.lower() not in _FUNCTIONS:
            raise SqlNotAllowedError(f"the table function {name} is not allowed; allowed: {one_of(sorted(_FUNCTIONS))}")
        case {"class": "FUNCTION", "function_name": str(name)} if name.lower() in _REFUSED_SCALARS:
            raise SqlNotAllowedError(f"the function {name} is not allowed")


def _tables(nodes: Iterable[Node]) -> Iterator[Name]:
    found = (node for node in nodes if node.get("type") == "BASE_TABLE")
    return ((node["schema_name"].lower(), node["table_name"].lower()) for node in found)


def _functions(nodes: Iterable[Node]) -> Iterator[Name]:
    """The table functions."""
    found = (node["function"] for node in nodes if node.get("type") == "TABLE_FUNCTION")
    return ((node["schema"].lower(), node["function_name"].lower()) for node in found)


def _columns(nodes: Iterable[Node]) -> Iterator[str]:
    for node in nodes:
        match node:
            case {"class": "COLUMN_REF", "column_names": names} | {"type": "JOIN", "using_columns": names}:
                yield from (name.lower() for name in names)
