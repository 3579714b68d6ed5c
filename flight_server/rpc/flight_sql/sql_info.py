"""What Flight SQL's clients ask about the server and its types; the numbers are those of ``FlightSql.proto``."""

from collections.abc import Mapping, Sequence
from importlib.metadata import version
from types import MappingProxyType

import pyarrow as pa

Value = str | bool | int
# The members of the union of values, in order.
_TEXT, _BOOL, _BIGINT, _BITMASK = range(4)
_MEMBERS = (
    pa.field("string_value", pa.string()),
    pa.field("bool_value", pa.bool_()),
    pa.field("bigint_value", pa.int64()),
    pa.field("int32_bitmask", pa.int32()),
    pa.field("string_list", pa.list_(pa.field("string_data", pa.string()))),
    pa.field("int32_to_int32_list_map", pa.map_(pa.int32(), pa.list_(pa.field("$data$", pa.int32())))),
)
_INFO: Mapping[int, tuple[int, Value]] = MappingProxyType(
    {
        0: (_TEXT, "flight-server"),
        1: (_TEXT, version("flight-server")),
        2: (_TEXT, pa.__version__),
        3: (_BOOL, False),  # read only: raw tables can be ingested
        4: (_BOOL, True),  # SQL
        5: (_BOOL, False),  # Substrait
        8: (_BIGINT, 0),  # transactions: none
        9: (_BOOL, True),  # cancel
        10: (_BOOL, True),  # bulk ingestion
        11: (_BOOL, False),  # transactions of bulk ingestion
        100: (_BIGINT, 0),  # a statement has no time limit that a client can set
        101: (_BIGINT, 0),
        500: (_BOOL, False),  # CREATE of catalogs, schemas and tables
        501: (_BOOL, False),
        502: (_BOOL, False),
        503: (_BIGINT, 1),  # identifiers: not case sensitive
        504: (_TEXT, '"'),
        505: (_BIGINT, 1),
        506: (_BOOL, True),  # all tables can be read
        507: (_BIGINT, 3),  # nulls come last
        513: (_TEXT, "\\"),
        529: (_TEXT, "repo"),  # what a schema is called
        531: (_TEXT, "catalog"),
        563: (_BOOL, False),  # transactions
        574: (_BOOL, True),  # named parameters
    }
)
_VARCHAR, _NULLABLE, _SEARCHABLE = 12, 1, 3
# Each type's name, number, size (bits of numbers), and the text around literals.
_TYPES = (
    ("VARCHAR", _VARCHAR, None, "'"),
    ("BOOLEAN", -7, 1, None),
    ("TINYINT", -6, 8, None),
    ("INTEGER", 4, 32, None),
    ("BIGINT", -5, 64, None),
    ("FLOAT", 7, 24, None),
    ("DOUBLE", 8, 53, None),
    ("DECIMAL", 3, 38, None),
    ("BLOB", -3, None, "'"),
    ("DATE", 91, None, "'"),
    ("TIME", 92, None, "'"),
    ("TIMESTAMP", 93, None, "'"),
)
_TYPE_COLUMNS = pa.schema(
    [
        pa.field("type_name", pa.string(), nullable=False),
        pa.field("data_type", pa.int32(), nullable=False),
        pa.field("column_size", pa.int32()),
        pa.field("literal_prefix", pa.string()),
        pa.field("literal_suffix", pa.string()),
        pa.field("create_params", pa.list_(pa.field("item", pa.string(), nullable=False))),
        pa.field("nullable", pa.int32(), nullable=False),
        pa.field("case_sensitive", pa.bool_(), nullable=False),
        pa.field("searchable", pa.int32(), nullable=False),
        pa.field("unsigned_attribute", pa.bool_()),
        pa.field("fixed_prec_scale", pa.bool_(), nullable=False),
        pa.field("auto_increment", pa.bool_()),
        pa.field("local_type_name", pa.string()),
        pa.field("minimum_scale", pa.int32()),
        pa.field("maximum_scale", pa.int32()),
        pa.field("sql_data_type", pa.int32(), nullable=False),
        pa.field("datetime_subcode", pa.int32()),
        pa.field("num_prec_radix", pa.int32()),
        pa.field("interval_precision", pa.int32()),
    ]
)


def sql_info(wanted: Sequence[int]) -> pa.Table:
    """The answers that the server has to these numbers; all of them without numbers."""
    rows = [(number, *_INFO[number]) for number in sorted({*wanted} & _INFO.keys() if wanted else _INFO)]
    values: list[list[Value]] = [[] for _ in _MEMBERS]
    offsets = []
    for _, member, value in rows:
        offsets.append(len(values[member]))
        values[member].append(value)
    union = pa.UnionArray.from_dense(
        pa.array([member for _, member, _ in rows], pa.int8()),
        pa.array(offsets, pa.int32()),
        [pa.array(each, field.type) for each, field in zip(values, _MEMBERS, strict=True)],
        [field.name for field in _MEMBERS],
    )
    schema = pa.schema([pa.field("info_name", pa.uint32(), nullable=False), pa.field("value", union.type)])
    return pa.table([pa.array([number for number, _, _ in rows], pa.uint32()), union], schema=schema)


def type_info(data_type: int) -> pa.Table:
    """The types of columns; only those with the number ``data_type``, unless it is 0."""
    rows = [
        {
            "type_name": name,
            "data_type": number,
            "column_size": size,
            "literal_prefix": quote,
            "literal_suffix": quote,
            "nullable": _NULLABLE,
            "case_sensitive": number == _VARCHAR,
            "searchable": _SEARCHABLE,
            "unsigned_attribute": None if quote else False,
            "fixed_prec_scale": False,
            "auto_increment": False,
            "sql_data_type": number,
        }
        for name, number, size, quote in sorted(_TYPES, key=lambda each: each[1])
        if data_type in (0, number)
    ]
    return pa.Table.from_pylist(rows, schema=_TYPE_COLUMNS)
