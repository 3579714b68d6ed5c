"""Vectorised kernels: lists to rows, distinct values, groups of rows. No loop over rows; order is kept."""

from collections.abc import Iterable, Iterator, Mapping

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from arrowdsl.schema.schema import SortKey

GROUP_ROWS = 8 * 1024  # enough for what a call costs, little enough for the first rows to come at once

Indices = npt.NDArray[np.int64]


def explode_list_column(
    table: pa.Table, *, parent_id_col: str, list_col: str, out_parent_col: str, out_value_col: str
) -> pa.Table:
    """One row for each element of each list: the parent's id and the element.

    Rows keep the order of their parents and of their lists; a null or empty list gives none. The schema's metadata is
    kept.
    """
    parents, values = _elements(table.column(list_col))
    schema = pa.schema(
        [
            table.schema.field(parent_id_col).with_name(out_parent_col),
            pa.field(out_value_col, values.type),
        ],
        metadata=table.schema.metadata,
    )
    return pa.Table.from_arrays([table.column(parent_id_col).take(parents), values], schema=schema)


def flatten_list_struct_field(table: pa.Table, *, list_col: str, field: str) -> pa.Array:
    """One field of every struct in a list<struct> column, in order; null and empty lists give nothing."""
    return pc.struct_field(_elements(table.column(list_col))[1], [field])


def distinct_sorted(values: pa.Array | pa.ChunkedArray) -> pa.Array:
    """The distinct non-null values in ascending order."""
    distinct = pc.drop_null(pc.unique(values))
    return distinct.take(pc.array_sort_indices(distinct))


def explode(table: pa.Table, column: str, outputs: Mapping[str, str | None]) -> pa.Table:
    """The table with one row for each element of the list ``column``, which ``outputs`` replaces.

    ``outputs`` names the new columns, each with the field of the element struct that it takes, or with None for the
    element itself. The other columns are repeated; a null or empty list gives no row.
    """
    parents, elements = _elements(table.column(column))
    columns = {name: table.column(name).take(parents) for name in table.column_names if name != column}
    for name, field in outputs.items():
        columns[name] = elements if field is None else pc.struct_field(elements, [field])
    return pa.table(columns)


def _elements(lists: pa.ChunkedArray) -> tuple[pa.Array, pa.Array]:
    """For each element of the lists the number of its row, and the elements.

    The engine's own list_parent_indices counts the elements that a null list may hide, which list_flatten leaves out.
    """
    lengths = pc.fill_null(pc.list_value_length(lists), 0)
    parents = np.repeat(np.arange(len(lists)), np.asarray(lengths))
    return pa.array(parents), pc.list_flatten(lists.combine_chunks())


def first_of_each(table: pa.Table, key: tuple[str, ...], tie_breakers: tuple[SortKey, ...]) -> pa.Array | None:
    """A mask of the rows to keep so that ``key`` is unique: of equal keys the first by ``tie_breakers``, then by order.

    Nulls count as equal to each other. None stands for all rows, as it nearly always is: so nobody copies them.
    """
    telling = [name for name in key if name.endswith(("_id", "_key"))]
    if are_distinct(table.column(name) for name in dict.fromkeys((*telling, *key))):
        return None
    sort_keys = [*((name, "ascending") for name in key), *tie_breakers]
    order = pc.sort_indices(table, sort_keys=sort_keys)  # a stable sort
    keep = np.zeros(table.num_rows, dtype=bool)
    keep[np.asarray(order)[_starts(table.select(list(key)).take(order))]] = True
    return pa.array(keep)


def are_distinct(columns: Iterable[pa.ChunkedArray]) -> bool:
    """Whether no two rows are equal in all of the columns; nulls count as equal to each other.

    Rows are numbered by their values, a column more at a time, until no two have one number: often one column is
    enough, and then it takes less than half of the time of grouping by all.
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
    """For each row a number that stands for its value, and how many values there are."""
    encoded = column.dictionary_encode(null_encoding="encode")
    return np.asarray(encoded.indices, np.int64), len(encoded.dictionary)


def whole_groups(batches: Iterator[pa.RecordBatch], column: str) -> Iterator[pa.Table]:
    """The rows in tables of about GROUP_ROWS, none of which ends within a run of equal values of ``column``.

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
    """The row number at which the last run starts; equal values lie together."""
    last = values[-1]
    alike = pc.sum(pc.equal(values, last)).as_py() if last.is_valid else values.null_count
    return len(values) - max(int(alike), 1)  # NaN is not even equal to itself


def _starts(table: pa.Table) -> Indices:
    """The row numbers at which a run of equal rows starts."""
    changed = np.zeros(max(table.num_rows - 1, 0), dtype=bool)
    for column in table.combine_chunks().columns:
        before, after = column.slice(0, len(changed)), column.slice(1)
        differs = pc.fill_null(pc.not_equal(before, after), fill_value=False)
        one_null = pc.xor(pc.is_null(before), pc.is_null(after))
        changed |= np.asarray(pc.or_(differs, one_null))
    return np.concatenate(([0], np.flatnonzero(changed) + 1))
