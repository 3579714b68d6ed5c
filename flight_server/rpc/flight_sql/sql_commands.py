"""Flight SQL's commands, actions and puts, in terms of the server's own queries, cancellations and puts.

Nothing is held between two calls. The ticket of a query is this project's JSON ticket. The handle of a prepared
statement is the same JSON, and a put of parameters is answered with the handle that has them.
"""

from collections.abc import Callable, Mapping
from datetime import date, datetime, time
from decimal import Decimal
from types import MappingProxyType
from typing import Any

import pyarrow as pa
from google.protobuf.message import Message
from pyarrow import flight

from arrowdsl.errors import DataError, one_of
from flight_server.rpc.cancel import cancelled_calls
from flight_server.rpc.codec import Put, asked_in_ticket
from flight_server.rpc.do_put import ReceivedBatches, put
from flight_server.rpc.flight_sql.catalog_tables import CATALOG_TABLES
from flight_server.rpc.flight_sql.sql_messages import message, packed, unpacked
from flight_server.rpc.maintenance_actions import Caller
from flight_server.serving.request_errors import BadRequestError
from flight_server.serving.running_calls import RunningCall
from flight_server.serving.service import Answer, Service
from flight_server.serving.sql.database import CATALOG
from flight_server.serving.sql_request import (
    Scalar,
    SqlError,
    SqlNotAllowedError,
    SqlRequest,
    sql_from_json,
    sql_to_json,
)
from flight_server.serving.wire_json import json_bytes, json_object
from flight_server.storage.staging import Mode
from flight_server.storage.validation import validated

_FAIL, _APPEND, _REPLACE = 1, 2, 3  # if the table of an ingestion exists
_CANCELLED, _NOT_CANCELLABLE = 1, 3
_READ_ONLY = (
    "statements that change rows are not allowed: raw tables are changed by bulk ingestion, or by flight-server"
)


class NoTransactionsError(DataError):
    """A transaction of Flight SQL, which the server does not have."""

    code = "no_transactions"


def answer(service: Service, command: bytes, repo: str | None) -> Answer:
    """The answer to a query, or to a question about the catalog. ``repo`` comes from the call's header."""
    name, asked = unpacked(command)
    if name in CATALOG_TABLES:
        table = CATALOG_TABLES[name](service, asked)
        return Answer(None, table.schema, lambda _: (batch for batch in table.to_batches()))
    match name:
        case "CommandStatementQuery":
            _refuse_transaction(asked.transaction_id)
            return service.answer(SqlRequest(asked.query, repo))
        case "CommandPreparedStatementQuery":
            return service.answer(_prepared(asked.prepared_statement_handle))
        case "CommandStatementUpdate" | "CommandPreparedStatementUpdate":
            raise SqlNotAllowedError(_READ_ONLY)
        case _:
            raise BadRequestError(f"{name} is not a query")


def run_sql_action(caller: Caller, name: str, body: bytes, repo: str | None) -> bytes:
    """The result of one of Flight SQL's actions; empty if it has none."""
    return _ACTIONS[name](caller, body, repo)


def put_sql(
    service: Service,
    command: bytes,
    repo: str | None,
    reader: flight.MetadataRecordBatchReader,
    call: RunningCall,
    check: Callable[[], None],
) -> bytes:
    """Take the rows of an ingestion, or the parameters of a prepared statement; returns the reply."""
    name, asked = unpacked(command)
    match name:
        case "CommandStatementIngest":
            return message("DoPutUpdateResult", record_count=_ingest(service, asked, repo, reader, call, check))
        case "CommandPreparedStatementQuery":
            query = _prepared(asked.prepared_statement_handle)
            names = service.sql.parameters(query.sql)
            bound = SqlRequest(query.sql, query.repo, _parameters(names, ReceivedBatches(reader, call)))
            return message("DoPutPreparedStatementResult", prepared_statement_handle=_handle(bound))
        case "CommandStatementUpdate" | "CommandPreparedStatementUpdate":
            raise SqlNotAllowedError(_READ_ONLY)
        case _:
            raise BadRequestError(f"{name} takes no rows")


def _ingest(
    service: Service,
    asked: Message,
    repo: str | None,
    reader: flight.MetadataRecordBatchReader,
    call: RunningCall,
    check: Callable[[], None],
) -> int:
    """Store the rows in a raw table; returns their number."""
    _refuse_transaction(asked.transaction_id)
    target = asked.schema or repo
    if not target:
        raise BadRequestError("an ingestion names its repo as the schema, or in the call header repo")
    if asked.temporary or asked.catalog not in ("", CATALOG):
        raise BadRequestError(f"a table can't be temporary; its catalog is {CATALOG} or none")
    if_exists = asked.table_definition_options.if_exists
    exists = target in service.store.repos() and service.store.snapshot(target).rows(asked.table) > 0
    if exists and if_exists not in (_APPEND, _REPLACE):
        raise BadRequestError(f"{target}.{asked.table} has rows already; the mode may be append or replace")
    mode: Mode = "append" if if_exists == _APPEND else "replace"
    done = put(service, Put(target, asked.table, mode), reader, call, check, counted=False)  # the protocol has no count
    rows: Any = done["rows"]
    return int(rows)


def _parameters(names: list[str], batches: ReceivedBatches) -> tuple[tuple[str, Scalar], ...]:
    """The values of one row: by the names of the columns, or by their order for parameters that are numbered."""
    rows = pa.Table.from_batches(map(validated, batches), batches.schema)
    if rows.num_rows != 1:
        raise BadRequestError(f"a query runs with one row of parameters, given: {rows.num_rows}")
    by_name = {*rows.schema.names} == {*names}
    if not by_name and not all(name.isdigit() for name in names):
        raise SqlError(f"the query has the parameters {one_of(names)}; given: {one_of(rows.schema.names)}")
    keys = rows.schema.names if by_name else map(str, range(1, rows.num_columns + 1))
    return tuple((key, _scalar(column[0].as_py())) for key, column in zip(keys, rows.columns, strict=True))


def _scalar(value: object) -> Scalar:
    match value:
        case None | bool() | int() | float() | str():
            return value
        case date() | datetime() | time() | Decimal():
            return str(value)
        case _:
            raise SqlError(
                f"a parameter is a string, number, boolean, date, time or null, given: {type(value).__name__}"
            )


def _create(caller: Caller, body: bytes, repo: str | None) -> bytes:
    _, asked = unpacked(body)
    _refuse_transaction(asked.transaction_id)
    query, sql = SqlRequest(asked.query, repo), caller.service.sql
    parameters = pa.schema([(name, pa.string()) for name in sql.parameters(asked.query)])
    return packed(
        "ActionCreatePreparedStatementResult",
        prepared_statement_handle=_handle(query),
        dataset_schema=sql.schema(query).serialize().to_pybytes(),
        parameter_schema=parameters.serialize().to_pybytes(),
    )


def _close(_caller: Caller, _body: bytes, _repo: str | None) -> bytes:
    return b""


def _cancel(caller: Caller, body: bytes, _repo: str | None) -> bytes:
    _, asked = unpacked(body)
    try:
        info = flight.FlightInfo.deserialize(asked.info)
    except pa.ArrowException as error:
        raise BadRequestError("CancelQuery: the FlightInfo can't be read") from error
    stopped = cancelled_calls(caller, [asked_in_ticket(endpoint.ticket) for endpoint in info.endpoints])
    return packed("ActionCancelQueryResult", result=_CANCELLED if stopped else _NOT_CANCELLABLE)


def _refuse(_caller: Caller, _body: bytes, _repo: str | None) -> bytes:
    raise NoTransactionsError(
        "this server has no transactions over SQL: queries only read, each from one snapshot; use autocommit"
    )


def _refuse_transaction(transaction: bytes) -> None:
    if transaction:
        raise NoTransactionsError("a transaction is named, but this server has none; use autocommit")


def _handle(query: SqlRequest) -> bytes:
    return json_bytes(sql_to_json(query))


def _prepared(handle: bytes) -> SqlRequest:
    return sql_from_json(json_object("the handle of a prepared statement", handle))


_ACTIONS: Mapping[str, Callable[[Caller, bytes, str | None], bytes]] = MappingProxyType(
    {
        "CreatePreparedStatement": _create,
        "ClosePreparedStatement": _close,
        "CancelQuery": _cancel,
        "BeginTransaction": _refuse,
        "BeginSavepoint": _refuse,
        "EndTransaction": _refuse,
        "EndSavepoint": _refuse,
    }
)
