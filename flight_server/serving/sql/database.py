"""DuckDB databases in memory, one for each query: closed to files, network, extensions, settings and Python objects.

To open a database takes about 40 ms, so a database is used again after a query that ended well.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import duckdb

CATALOG = "code"
_IDLE = 4  # databases that wait for a query


class Databases:
    """The databases, each with at most ``memory`` bytes."""

    def __init__(self, memory: int) -> None:
        self._memory = memory
        self._idle: list[duckdb.DuckDBPyConnection] = []

    @contextmanager
    def connection(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """A connection to a database of its own, whose current catalog CATALOG is empty."""
        database = self._idle.pop() if self._idle else self._opened()
        connection = database.cursor()
        try:
            connection.execute(f"attach ':memory:' as {CATALOG}; use {CATALOG}")
            yield connection
            connection.execute(f"use memory; detach {CATALOG}")
        except BaseException:
            connection.close()
            database.close()
            raise
        connection.close()  # with its registered objects
        if len(self._idle) < _IDLE:
            self._idle.append(database)

    def _opened(self) -> duckdb.DuckDBPyConnection:
        config: dict[str, str | bool | int | float | list[str]] = {
            "enable_external_access": False,
            "python_enable_replacements": False,  # a table name may not mean a variable of the server
            "temp_directory": "",
            "memory_limit": f"{self._memory // 1024}KiB",
            "lock_configuration": True,
        }
        return duckdb.connect(":memory:", config=config)
