"""The messages of Flight SQL, packed into ``google.protobuf.Any``.

The format is that of ``FlightSql.proto`` in https://github.com/apache/arrow. Fields that the server does not use are
left out. The protocol's optional texts count as absent if they are empty.
"""

from collections.abc import Mapping
from types import MappingProxyType

from google.protobuf.message import DecodeError, Message

from flight_client.protobuf_classes import message_classes
from flight_server.serving.request_errors import BadRequestError

_URL = "type.googleapis.com/arrow.flight.protocol.sql."
_FOREIGN_KEYS = "pk_catalog=1:str pk_db_schema=2:str pk_table=3:str fk_catalog=4:str fk_db_schema=5:str fk_table=6:str"
_TABLE = "catalog=1:str db_schema=2:str table=3:str"
_HANDLE = "prepared_statement_handle=1:bytes"
_QUERY = "query=1:str transaction_id=2:bytes"
_MESSAGES: Mapping[str, str] = MappingProxyType(
    {
        "Any": "type_url=1:str value=2:bytes",
        "CommandGetSqlInfo": "info*=1:uint",
        "CommandGetXdbcTypeInfo": "data_type=1:int",
        "CommandGetCatalogs": "",
        "CommandGetDbSchemas": "catalog=1:str db_schema_filter_pattern=2:str",
        "CommandGetTables": (
            "catalog=1:str db_schema_filter_pattern=2:str table_name_filter_pattern=3:str table_types*=4:str"
            " include_schema=5:bool"
        ),
        "CommandGetTableTypes": "",
        "CommandGetPrimaryKeys": _TABLE,
        "CommandGetExportedKeys": _TABLE,
        "CommandGetImportedKeys": _TABLE,
        "CommandGetCrossReference": _FOREIGN_KEYS,
        "CommandStatementQuery": _QUERY,
        "CommandStatementUpdate": _QUERY,
        "CommandPreparedStatementQuery": _HANDLE,
        "CommandPreparedStatementUpdate": _HANDLE,
        "CommandStatementIngest": (
            "table_definition_options=1:TableDefinitionOptions table=2:str schema=3:str catalog=4:str temporary=5:bool"
            " transaction_id=6:bytes"
        ),
        "TableDefinitionOptions": "if_not_exist=1:int if_exists=2:int",
        "ActionCreatePreparedStatementRequest": _QUERY,
        "ActionCreatePreparedStatementResult": f"{_HANDLE} dataset_schema=2:bytes parameter_schema=3:bytes",
        "ActionClosePreparedStatementRequest": _HANDLE,
        "ActionCancelQueryRequest": "info=1:bytes",
        "ActionCancelQueryResult": "result=1:int",
        "DoPutUpdateResult": "record_count=1:int64",
        "DoPutPreparedStatementResult": _HANDLE,
    }
)
_CLASSES = message_classes("arrow.flight.protocol.sql", _MESSAGES)


def unpacked(data: bytes) -> tuple[str, Message]:
    """The name and the message in an ``Any``; raises BadRequestError."""
    try:
        outer = _CLASSES["Any"].FromString(data)
        name = outer.type_url.removeprefix(_URL)
        if name not in _CLASSES:
            raise BadRequestError(f"this server does not know Flight SQL's {outer.type_url}")
        return name, _CLASSES[name].FromString(outer.value)
    except DecodeError as error:
        raise BadRequestError(f"a message of Flight SQL can't be read: {error}") from None


def message(name: str, **fields: object) -> bytes:
    """A message as it is sent in place of an ``Any``."""
    data: bytes = _CLASSES[name](**fields).SerializeToString()
    return data


def packed(name: str, **fields: object) -> bytes:
    """A message in an ``Any``.

    >>> unpacked(packed("CommandStatementQuery", query="select 1"))[1].query
    'select 1'
    """
    return message("Any", type_url=f"{_URL}{name}", value=message(name, **fields))
