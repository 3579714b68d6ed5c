"""The door to Flight SQL: tells its messages from this project's JSON, and loads what answers them."""

import importlib
import importlib.util
from collections.abc import Mapping
from types import MappingProxyType, ModuleType

from flight_server.serving.sql_request import INSTALL, MissingSqlError

_MARK = b"type.googleapis.com/arrow.flight.protocol.sql."
FLIGHT_SQL_ACTIONS: Mapping[str, str] = MappingProxyType(
    {
        "CreatePreparedStatement": "Flight SQL: check a query, and give a handle for it.",
        "ClosePreparedStatement": "Flight SQL: forget a handle; the server holds nothing for it.",
        "CancelQuery": "Flight SQL: stop the streams of a query.",
        "BeginTransaction": "Flight SQL: refused, the tables are read only.",
        "BeginSavepoint": "Flight SQL: refused, the tables are read only.",
        "EndTransaction": "Flight SQL: refused, the tables are read only.",
        "EndSavepoint": "Flight SQL: refused, the tables are read only.",
    }
)


def is_flight_sql(data: bytes | None) -> bool:
    """Whether a command or ticket is a message of Flight SQL: an ``Any``, whose first field is its type's URL."""
    return data is not None and data[2 : 2 + len(_MARK)] == _MARK


def flight_sql(module: str) -> ModuleType:
    """A module of ``flight_server.rpc.flight_sql``. Raises MissingSqlError."""
    for package, library in (("duckdb", "duckdb"), ("google", "google.protobuf")):
        if importlib.util.find_spec(package) is None or importlib.util.find_spec(library) is None:
            raise MissingSqlError(f"no SQL here: this server lacks {library}; to add it: {INSTALL}")
    return importlib.import_module(f"flight_server.rpc.flight_sql.{module}")
