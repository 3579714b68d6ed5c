"""Vectorised kernels: lists to rows, distinct values, groups of rows. All keep the order of rows."""

from collections.abc import Iterable, Iterator, Mapping

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from arrowdsl.schema.schema import SortKey

GROUP_ROWS = 8 * 1024  # enough to spread the cost of a call, few enough for a short time to the first rows

Indices = npt.NDArray[np.int64]


def explode_list_column(
    table: pa.Table, *, parent_id_col: str, list_col: str, out_parent_col: str, out_value_col: str
) -> pa.Table:
    """A row for each element of each list, in order: the parent's id and the element.

    A null or empty list gives no row. The schema's metadata stays.
    """
    parents, values = _elements(table.column(list_col))
    parent = table.schema.field(parent_id_col).with_name(out_parent_col)
    schema = pa.schema([parent, pa.field(out_value_col, values.type)], metadata=table.schema.metadata)
    return pa.Table.from_arrays([table.column(parent_id_col).take(parents), values], schema=schema)


def flatten_list_struct_field(table: pa.Table, *, list_col: str, field: str) -> pa.Array:
    """One field of every struct in a list<struct> column, in order; null and empty lists give nothing."""
    return pc.struct_field(_elements(table.column(list_col))[1], [field])


def distinct_sorted(values: pa.Array | pa.ChunkedArray) -> pa.Array:
    """The distinct non-null values in ascending order."""
    distinct = pc.drop_null(pc.unique(values))
    return distinct.take(pc.array_sort_indices(distinct))


def explode(table: pa.Table, column: str, outputs: Mapping[str, str | None]) -> pa.Table:
    """The table with a row for each element of the list ``column``, which is replaced by the columns of ``outputs``.

    ``outputs`` maps each new column to a field of the element struct, or to None for the element itself. The other
    columns are repeated; a null or empty list gives no row.
    """
    parents, elements = _elements(table.column(column))
    columns = {name: table.column(name).take(parents) for name in table.column_names if name != column}
    for name, field in outputs.items():
        columns[name] = elements if field is None else pc.struct_field(elements, [field])
    return pa.table(columns)


def _elements(lists: pa.ChunkedArray) -> tuple[pa.Array, pa.Array]:
    """The row number of each element of the lists, and the elements.

    A null list may have elements in memory: pyarrow's list_parent_indices counts them, list_flatten leaves them out.
    """
    lengths = pc.fill_null(pc.list_value_length(lists), 0)
    parents = np.repeat(np.arange(len(lists)), np.asarray(lengths))
    return pa.array(parents), pc.list_flatten(lists.combine_chunks())


def first_of_each(table: pa.Table, key: tuple[str, ...], tie_breakers: tuple[SortKey, ...]) -> pa.Array | None:
    """A mask that makes ``key`` unique: of rows with equal keys the first by ``tie_breakers``, then by their order.

    Nulls count as equal to each other. If the key is already unique, as usual, the result is None: nothing is copied.
    """
    ids = [name for name in key if name.endswith(("_id", "_key"))]  # one of these is often unique
    if are_distinct(table.column(name) for name in dict.fromkeys((*ids, *key))):
        return None
    sort_keys = [*((name, "ascending") for name in key), *tie_breakers]
    order = pc.sort_indices(table, sort_keys=sort_keys)  # a stable sort
    keep = np.zeros(table.num_rows, dtype=bool)
    keep[np.asarray(order)[_starts(table.select(list(key)).take(order))]] = True
    return pa.array(keep)


def are_distinct(columns: Iterable[pa.ChunkedArray]) -> bool:
    """Whether no two rows are equal in all columns; nulls count as equal to each other.

    Rows are numbered by their values in the first column, then in the first two and so on, until all numbers differ.
    Often the first column is enough, in less than half of the time of grouping by all columns.
    """
    numbers: Indices | None = None
    for column in columns:
        rows, values = _numbered(column.combine_chunks())
        if numbers is not None and values < len(rows):
            rows, values = _numbered(pa.array(numbers * values + rows))
        if values == len(rows):
            return True
        numbers = rows
    return False


def _numbered(column: pa.Array) -> tuple[Indices, int]:
    """A number for each row, equal for equal values, and the count of distinct values."""
    encoded = column.dictionary_encode(null_encoding="encode")
    return np.asarray(encoded.indices, np.int64), len(encoded.dictionary)


def whole_groups(batches: Iterator[pa.RecordBatch], column: str) -> Iterator[pa.Table]:
    """The rows in tables of about GROUP_ROWS; a run of equal values of ``column`` is never split.

    Memory is bounded by the longest run and one table.
    """
    complete: list[pa.RecordBatch] = []
    running: list[pa.RecordBatch] = []
    for batch in batches:
        if not batch.num_rows:
            continue
        last_start = _last_start(batch.column(column))
        continues = not running or running[-1].column(column)[-1] == batch.column(column)[0]
        if last_start == 0 and continues:
            running.append(batch)
            continue
        complete += [*running, batch.slice(0, last_start)]
        running = [batch.slice(last_start)]
        if sum(each.num_rows for each in complete) >= GROUP_ROWS:
            yield pa.Table.from_batches(complete)
            complete = []
    if running:
        yield pa.Table.from_batches([*complete, *running])


def _last_start(values: pa.Array) -> int:
    """The row number at which the last run of equal values starts."""
    last = values[-1]
    equal = pc.sum(pc.equal(values, last)).as_py() if last.is_valid else values.null_count
    return len(values) - max(int(equal), 1)  # NaN does not equal itself


def _starts(table: pa.Table) -> Indices:
    """The row numbers at which a run of equal rows starts."""
    changed = np.zeros(max(table.num_rows - 1, 0), dtype=bool)
    for column in table.combine_chunks().columns:
        before, after = column.slice(0, len(changed)), column.slice(1)
        differs = pc.fill_null(pc.not_equal(before, after), fill_value=False)
        one_null = pc.xor(pc.is_null(before), pc.is_null(after))
        changed |= np.asarray(pc.or_(differs, one_null))
    return np.concatenate(([0], np.flatnonzero(changed) + 1))
