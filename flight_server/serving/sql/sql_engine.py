"""Runs queries: the tables and macros that a query names are defined in a database of its own, then its rows streamed.

A query takes its memory from the server's budget once: most of it is DuckDB's limit, the rest is for the rows that
``QueryReads`` holds. DuckDB runs in a thread of the query. The thread that sends the rows asks its check meanwhile, and
interrupts DuckDB when the check raises.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from copy import copy
from functools import partial
from threading import BoundedSemaphore

import duckdb
import pyarrow as pa

from arrowdsl.errors import one_of
from arrowdsl.plan.batches import Batches, rebatch
from arrowdsl.plan.stopping import Check
from flight_server.serving.batch_queue import BatchQueue
from flight_server.serving.limits import MemoryBudget
from flight_server.serving.single_flight import POLL_SECONDS
from flight_server.serving.sql.database import Databases
from flight_server.serving.sql.query_reads import QueryReads
from flight_server.serving.sql.statement import Statement, statement_of
from flight_server.serving.sql.table_definitions import ResultsOf, define, needs_of
from flight_server.serving.sql_request import Scalar, SqlError, SqlMemoryError, SqlRequest

BATCH_ROWS = 64 * 1024
MEMORY_SHARE = 4  # a query takes a quarter of the server's memory
HELD_SHARE = 4  # of which a quarter is for held rows
DESCRIBED = 4  # queries whose schema is found out at the same time
EXPLAINED = pa.schema([("explain_key", pa.string()), ("explain_value", pa.string())])


class SqlEngine:
    """Runs queries over the newest snapshots of all repos."""

    def __init__(self, repos: Callable[[], list[str]], results_of: ResultsOf, budget: MemoryBudget) -> None:
        self._repos = repos
        self._results_of = results_of
        self._budget = budget
        self.query_bytes = budget.limits.memory // MEMORY_SHARE
        self._held_bytes = self.query_bytes // HELD_SHARE
        self._databases = Databases(self.query_bytes - self._held_bytes)
        self._describing = BoundedSemaphore(DESCRIBED)

    def over(self, repos: Callable[[], list[str]], results_of: ResultsOf) -> "SqlEngine":
        """The same engine, with the same limits, over other repos."""
        engine = copy(self)
        vars(engine).update(_repos=repos, _results_of=results_of)
        return engine

    def schema(self, request: SqlRequest) -> pa.Schema:
        """The columns of a query, which is not run. Parameters without a value count as null.

        Raises SqlError, SqlNotAllowedError and the errors of the snapshots.
        """
        with self._describing, self._databases.connection() as connection:
            statement = statement_of(connection, request.sql)
            if statement.is_explain:
                return EXPLAINED
            reads = QueryReads(0)
            with _translated(reads):
                self._define(connection, statement, request.repo, reads)
                given = dict.fromkeys(statement.parameters) | dict(request.parameters)
                relation = connection.sql(request.sql, params=_bound(given))
                return relation.limit(0).to_arrow_table().schema

    def parameters(self, sql: str) -> list[str]:
        """The names of a query's parameters, the numbered ones in order."""
        with self._describing, self._databases.connection() as connection:
            found = statement_of(connection, sql).parameters
        return sorted(found, key=lambda name: (not name.isdigit(), int(name) if name.isdigit() else 0, name))

    def batches(self, request: SqlRequest, check: Check) -> Batches:
        """The rows, once the memory budget has room for the query. ``check`` raises to stop it."""
        reads = QueryReads(self._held_bytes)
        with self._budget.stream(self.query_bytes, check):
            queue = BatchQueue.start(partial(self._rows, request, reads))
            try:
                with closing(rebatch(queue.batches(check))) as batches:
                    yield from batches
            finally:
                queue.abandon()
                while not queue.ended:
                    reads.stop()  # again, since DuckDB forgets an interrupt that comes before it runs
                    time.sleep(POLL_SECONDS)

    def _rows(self, request: SqlRequest, reads: QueryReads) -> Batches:
        with self._databases.connection() as connection, _translated(reads):
            reads.interrupt = connection.interrupt
            statement = statement_of(connection, request.sql)
            missing = sorted(statement.parameters - dict(request.parameters).keys())
            if missing:
                raise SqlError(f"the query has parameters without a value: {one_of(missing)}")
            self._define(connection, statement, request.repo, reads)
            relation = connection.sql(request.sql, params=_bound(dict(request.parameters)))
            # a relation's reader streams the rows, a connection's holds them all
            yield from relation.to_arrow_reader(BATCH_ROWS)

    def _define(
        self, connection: duckdb.DuckDBPyConnection, statement: Statement, repo: str | None, reads: QueryReads
    ) -> None:
        define(connection, statement, needs_of(statement, repo, self._repos()), self._results_of, reads)


def _bound(parameters: Mapping[str, Scalar]) -> list[Scalar] | dict[str, Scalar]:
    """The values for DuckDB: in order if the parameters are numbered, else by name."""
    if all(name.isdigit() for name in parameters):
        return [parameters[name] for name in sorted(parameters, key=int)]
    return dict(parameters)


@contextmanager
def _translated(reads: QueryReads) -> Iterator[None]:
    """Raise what DuckDB and its readers raise as the error of a read, of the query's stop, or of the query."""
    try:
        yield
    except (duckdb.InternalException, duckdb.FatalException):
        raise
    except (duckdb.Error, pa.ArrowException, OSError) as error:
        if reads.failure is not None:
            raise reads.failure from None
        reads.check()
        if "Out of Memory Error" in str(error):
            raise SqlMemoryError(
                f"the query needs more memory than a query may take, a {MEMORY_SHARE}th part of the server's --memory;"
                " filter earlier, or read fewer columns"
            ) from None
        raise SqlError(" ".join(str(error).split())) from None
