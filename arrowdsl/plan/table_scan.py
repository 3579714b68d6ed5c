"""A scan: the named columns and rows of a table, as a stream of batches, in the table's order.

Parquet files are read by pyarrow's Parquet reader, which starts in a fifth of the time of a dataset scan. Nothing is
read ahead: the columns of one row group are in memory, decoded on demand. Row groups without rows for the filter are
skipped.
"""

from collections.abc import Iterable, Sequence
from contextlib import closing
from itertools import chain

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
import pyarrow.parquet as pq

from arrowdsl.compute.evaluate import evaluator, to_arrow
from arrowdsl.compute.expr import Call, Expr, columns, conjunction, conjuncts
from arrowdsl.plan.batches import BATCH_ROWS, Batches, decoded
from arrowdsl.plan.nodes import Scan
from arrowdsl.plan.source import DatasetSource, Source
from arrowdsl.plan.stopping import check_stopped
from arrowdsl.schema.schema import SchemaTransform, columns_of, plain, rebuilt


def scan_schema(scan: Scan, source: Source) -> pa.Schema:
    """The schema of a scan's rows: names and types, with values in place of the table's dictionaries."""
    return _bare(source.schema, source.schema.names if scan.columns is None else scan.columns)


def scan_batches(scan: Scan, source: Source) -> Batches:
    """The columns and rows that the scan names."""
    schema = _bare(source.schema, read_columns(scan, source.schema.names))
    if isinstance(source, DatasetSource):
        rows = dataset_batches(source.dataset, schema, skipping(scan.predicate, source.dataset.schema))
    else:
        rows = decoded(batch for batch in source.select(schema.names).to_batches())
    return selected(scan, scan_schema(scan, source), rows)


def selected(scan: Scan, schema: pa.Schema, batches: Batches) -> Batches:
    """The scan's rows and columns, selected from batches that have further ones."""
    with closing(batches):
        matches = None
        for batch in batches:
            if scan.predicate is not None:
                matches = matches or evaluator(scan.predicate, batch.schema)
            rows = batch if matches is None else batch.filter(matches(batch))
            if rows.num_rows:
                yield rebuilt(rows.select(schema.names), schema)


def read_columns(scan: Scan, available: Iterable[str]) -> tuple[str, ...]:
    """The columns that a scan reads: its output columns, followed by those of its filter."""
    filtered = () if scan.predicate is None else sorted(columns(scan.predicate))
    return tuple(dict.fromkeys((*(available if scan.columns is None else scan.columns), *filtered)))


def skipping(predicate: Expr | None, schema: pa.Schema) -> pc.Expression | None:
    """The terms of a scan's filter that may skip row groups, as a pyarrow expression."""
    terms = [] if predicate is None else [term for term in conjuncts(predicate) if _may_skip(term, schema)]
    return to_arrow(conjunction(terms), schema) if terms else None


def _may_skip(term: Expr, schema: pa.Schema) -> bool:
    """Whether a term of a filter may skip row groups.

    Statistics ignore NaN: a row group of 1.0 and NaN looks like one of 1.0 alone. So a term that may hold for NaN skips
    nothing. Neither does a term on a dictionary column, whose type differs in the files.
    """
    types = [schema.field(name).type for name in columns(term)]
    if any(map(pa.types.is_dictionary, types)):
        return False
    match term:
        case Call("and" | "or", terms):
            return all(_may_skip(each, schema) for each in terms)
        case Call("=" | "<" | "<=" | ">" | ">=" | "in" | "between", operands):
            return not any(isinstance(operand, Call) for operand in operands)
        case _:
            return not any(map(pa.types.is_floating, types))


def _bare(schema: pa.Schema, names: Sequence[str]) -> pa.Schema:
    return pa.schema([(column.name, column.type) for column in plain(columns_of(schema, names))])


def dataset_batches(dataset: ds.Dataset, schema: pa.Schema, skip: pc.Expression | None) -> Batches:
    """The columns of ``schema``; a column that a file lacks is null. Reading a damaged file raises pyarrow's errors."""
    transform = SchemaTransform(schema=schema)
    for fragment in dataset.get_fragments():
        if isinstance(fragment, ds.ParquetFileFragment):
            rows = _file_batches(fragment, schema.names, skip, dataset.schema)
        else:
            rows = (batch for batch in fragment.to_batches(columns=schema.names, use_threads=False))
        with closing(rows):
            for batch in rows:
                check_stopped()
                if batch.schema.names == schema.names and batch.schema.types == schema.types:
                    yield rebuilt(batch, schema)
                else:
                    yield from transform.apply(pa.Table.from_batches([batch])).to_batches()


def _file_batches(
    file: ds.ParquetFileFragment, names: Sequence[str], skip: pc.Expression | None, schema: pa.Schema
) -> Batches:
    groups = file.row_groups if skip is None else file.subset(skip, schema=schema).row_groups
    with (
        file.filesystem.open_input_file(file.path) as opened,
        pq.ParquetFile(opened, metadata=file.metadata, page_checksum_verification=True) as reader,
    ):
        stored = [name for name in names if name in reader.schema_arrow.names]
        yield from chain.from_iterable(
            reader.iter_batches(BATCH_ROWS, row_groups=[group.id], columns=stored, use_threads=False)
            for group in groups
        )
