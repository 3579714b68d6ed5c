"""Tables as Arrow IPC files, streamed."""

from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import pyarrow as pa

from arrowdsl.errors import SchemaMismatchError
from arrowdsl.schema.schema import EncodingPolicy
from flight_server.storage.store_errors import writing
from flight_server.storage.validation import BatchSource, aligned, batches_of, encoded_schema


@dataclass(frozen=True)
class IpcFile:
    """A complete IPC file."""

    path: Path
    rows: int
    bytes: int


def write_table_ipc_file(
    data: pa.Table | BatchSource,
    path: Path | str,
    *,
    schema: pa.Schema | None = None,
    encoding_policy: EncodingPolicy | None = None,
) -> IpcFile:
    """Stream a table into an IPC file, in batches of at most 64 Ki rows, aligned to ``schema`` and then encoded.

    The complete file replaces an older one in one step. A column's dictionary must be the same in every batch, since
    the format has one per column: give the policy constant vocabularies. Raises SchemaMismatchError, NullValueError,
    MalformedDataError, StorageError.
    """
    batches = batches_of(data)
    schema = batches.schema if schema is None else schema
    encoding = EncodingPolicy() if encoding_policy is None else encoding_policy
    target = Path(path)
    draft = target.with_name(f".{target.name}.{uuid4().hex}")
    try:
        rows = _write(batches, draft, schema, encoding)
        with writing("an IPC file"):
            size = draft.stat().st_size
            draft.replace(target)
    finally:
        draft.unlink(missing_ok=True)
    return IpcFile(target, rows, size)


def _write(batches: BatchSource, draft: Path, schema: pa.Schema, encoding: EncodingPolicy) -> int:
    rows = 0
    with writing("an IPC file"):
        draft.parent.mkdir(parents=True, exist_ok=True)
        sink = pa.OSFile(str(draft), "wb")
    with sink, pa.ipc.new_file(sink, encoded_schema(schema, encoding)) as writer:
        for table in aligned(batches, schema, encoding):
            try:
                with writing("an IPC file"):
                    writer.write_table(table)
            except pa.ArrowInvalid as error:
                raise SchemaMismatchError(
                    f"the batches don't fit into one IPC file (are its dictionaries constant?): {error}"
                ) from error
            rows += table.num_rows
    return rows
