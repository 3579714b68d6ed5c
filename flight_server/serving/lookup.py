"""The keys of a lookup, which reads the rows of a dataset whose key column has one of the keys that a client streams.

A lookup is a semi-join whose right side is in memory, run as a filter (``Read.among``): a filter leaves the rows in the
dataset's order, is pushed below joins and kernels to the scans, and opens only the parts of the keys if these are paths
or file ids. All keys are received before the first row is sent, since a client that still writes may not be reading.
"""

from collections.abc import Iterable

import pyarrow as pa
import pyarrow.compute as pc

from arrowdsl.errors import SchemaMismatchError, UnknownColumnError, one_of
from arrowdsl.schema.schema import TableSpec
from flight_server.serving.request_errors import TooManyKeysError

KEY_BYTES = 128 * 1024 * 1024
_CASTABLE = (  # types of one kind may be cast to each other, if no value is lost
    pa.types.is_integer,
    pa.types.is_floating,
    lambda given: pa.types.is_string(given) or pa.types.is_large_string(given) or pa.types.is_string_view(given),
)


def key_type(column: str, spec: TableSpec) -> pa.DataType:
    """The type of the keys; raises UnknownColumnError, and SchemaMismatchError for a column of lists or structs."""
    if column not in spec.schema.names:
        raise UnknownColumnError(f"unknown column {column!r}; {spec.name} has: {one_of(spec.schema.names)}")
    data_type = spec.plain_schema.field(column).type
    if pa.types.is_nested(data_type):
        raise SchemaMismatchError(f"column {column} is a {data_type}: rows can be looked up by plain values only")
    return data_type


def distinct_keys(columns: Iterable[pa.Array], data_type: pa.DataType, limit: int = KEY_BYTES) -> pa.Array:
    """The distinct values of the columns, without nulls, as ``data_type``.

    Raises SchemaMismatchError for keys of another type, and TooManyKeysError if the distinct keys have more than
    ``limit`` bytes. Never more than twice the limit is in memory.
    """
    distinct = pa.array([], data_type)
    fresh: list[pa.Array] = []
    for column in columns:
        fresh.append(_as(column, data_type))
        if sum(each.nbytes for each in fresh) > max(limit // 8, distinct.nbytes):
            distinct, fresh = _merged(distinct, fresh, limit), []
    return _merged(distinct, fresh, limit)


def _merged(distinct: pa.Array, fresh: list[pa.Array], limit: int) -> pa.Array:
    merged = pc.unique(pa.concat_arrays([distinct, *fresh]))
    if merged.nbytes > limit:
        raise TooManyKeysError(
            f"the first {len(merged)} distinct keys have {merged.nbytes} bytes, a lookup takes at most {limit};"
            " look up fewer at a time"
        )
    return merged


def _as(column: pa.Array, data_type: pa.DataType) -> pa.Array:
    given = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
    if given not in (data_type, pa.null()) and not any(is_kind(given) and is_kind(data_type) for is_kind in _CASTABLE):
        raise SchemaMismatchError(f"the keys are {column.type}, the column is {data_type}")
    try:
        return column.drop_null().cast(data_type)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, pa.ArrowTypeError) as error:
        raise SchemaMismatchError(f"the keys are {column.type}, the column is {data_type}: {error}") from error
