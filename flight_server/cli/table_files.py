"""Tables in files, by the suffix of their names, and on stdout: Parquet, Arrow IPC, CSV and JSON lines."""

import json
import sys
from base64 import b64decode
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any
from uuid import uuid4

import click
import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import csv, ipc

from flight_client import FlightReader
from flight_server.cli.table import print_fitting_table, print_table, print_vertical
from flight_server.storage.ipc import write_table_ipc_file
from flight_server.storage.row_formats import encoded, flat_type


@contextmanager
def read_file(path: Path, schema: pa.Schema) -> Iterator[pa.RecordBatchReader]:
    """The rows of a file, streamed; raises a usage error for a file that is not a table.

    Only CSV needs the ``schema``, since the types of CSV columns are not guessed from the text.
    """
    opened = _handler(path, _READERS)
    try:
        with opened(path, schema) as reader:
            yield reader
    except (OSError, ValueError, pa.ArrowException) as error:
        raise click.UsageError(f"{path} can't be read: {error}") from error


def write_rows(reader: FlightReader, output: str | None, shown: str | None = None) -> None:
    """Write the rows to the file ``output``, or for ``-`` to stdout as Arrow IPC.

    Without ``output``, they are written to stdout as ``shown``, one of SHOWN or ``fitting``; by default a terminal
    gets a table and a pipe gets CSV.
    """
    match output:
        case None:
            _PRINTERS[shown or ("table" if sys.stdout.isatty() else "csv")](reader)
        case "-":
            SHOWN["arrow"](reader)
        case _:
            path = Path(output)
            writes = _handler(path, _WRITERS)
            if not path.parent.is_dir():
                raise click.UsageError(f"{path} can't be written: {path.parent} is not a folder")
            draft = path.with_name(f".{path.name}.{uuid4().hex}")
            try:
                writes(reader, draft)
                draft.replace(path)
            except (OSError, pa.ArrowException) as error:
                raise click.UsageError(f"{path} can't be written: {error}") from error
            finally:
                draft.unlink(missing_ok=True)


def _handler(path: Path, handlers: Mapping[str, Callable[..., Any]]) -> Callable[..., Any]:
    if path.suffix not in handlers:
        raise click.UsageError(f"{path}: the name must end in one of {', '.join(handlers)}")
    return handlers[path.suffix]


@contextmanager
def _open_parquet(path: Path, _schema: pa.Schema) -> Iterator[pa.RecordBatchReader]:
    with pq.ParquetFile(path) as file:
        yield pa.RecordBatchReader.from_batches(file.schema_arrow, file.iter_batches())


@contextmanager
def _open_ipc(path: Path, _schema: pa.Schema) -> Iterator[pa.RecordBatchReader]:
    """An IPC file, or an IPC stream in a file."""
    with pa.OSFile(str(path)) as source:
        try:
            file = ipc.open_file(source)
        except pa.ArrowInvalid:
            source.seek(0)
            yield ipc.open_stream(source)
        else:
            batches = (file.get_batch(number) for number in range(file.num_record_batches))
            yield pa.RecordBatchReader.from_batches(file.schema, batches)


@contextmanager
def _open_csv(path: Path, schema: pa.Schema) -> Iterator[pa.RecordBatchReader]:
    """Lists, structs and maps are read from JSON and bytes from base64, as ``row_formats`` writes them."""
    with csv.open_csv(path) as probe:
        names = probe.schema.names
    options = csv.ConvertOptions(
        column_types={
            name: flat_type(schema.field(name).type) if name in schema.names else pa.string() for name in names
        },
        null_values=[""],
        strings_can_be_null=True,
        quoted_strings_can_be_null=False,
    )
    types = {name: schema.field(name).type for name in names if name in schema.names}
    with csv.open_csv(path, convert_options=options) as reader:
        batches = (
            pa.RecordBatch.from_arrays(list(map(_from_csv, batch.columns, map(types.get, names))), names)
            for batch in reader
        )
        yield pa.RecordBatchReader.from_batches(
            pa.schema([(name, types.get(name, pa.string())) for name in names]), batches
        )


def _write(name: str, reader: FlightReader, path: Path) -> None:
    with path.open("wb") as file:
        for chunk in encoded(name, reader.schema, reader):
            file.write(chunk)


def _show(name: str, reader: FlightReader) -> None:
    if name == "arrow" and sys.stdout.isatty():
        raise click.UsageError("Arrow IPC is not for a terminal; without --output the rows are shown as a table")
    for chunk in encoded(name, reader.schema, reader):
        sys.stdout.buffer.write(chunk)
    sys.stdout.buffer.flush()


def _from_csv(column: pa.Array, wanted: pa.DataType | None) -> pa.Array:
    if wanted is not None and pa.types.is_nested(wanted):
        return pa.array([None if text is None else json.loads(text) for text in column.to_pylist()], wanted)
    if wanted is not None and pa.types.is_binary(wanted):
        return pa.array([None if text is None else b64decode(text) for text in column.to_pylist()], wanted)
    return column


_READERS: Mapping[str, Callable[[Path, pa.Schema], Any]] = MappingProxyType(
    {".parquet": _open_parquet, ".arrow": _open_ipc, ".csv": _open_csv}
)
_WRITERS: Mapping[str, Callable[[FlightReader, Path], object]] = MappingProxyType(
    {
        ".parquet": partial(_write, "parquet"),
        ".arrow": write_table_ipc_file,
        ".csv": partial(_write, "csv"),
        ".jsonl": partial(_write, "jsonl"),
    }
)
SHOWN: Mapping[str, Callable[[FlightReader], object]] = MappingProxyType(
    {
        "table": print_table,
        "vertical": print_vertical,
        "csv": partial(_show, "csv"),
        "jsonl": partial(_show, "jsonl"),
        "arrow": partial(_show, "arrow"),
    }
)
_PRINTERS = {**SHOWN, "fitting": print_fitting_table}
