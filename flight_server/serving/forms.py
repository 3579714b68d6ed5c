"""The form in which rows are kept and go out: batches of bounded size, aligned to a schema, encoded."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import pyarrow as pa

from arrowdsl.errors import NullValueError
from arrowdsl.plan.batches import Batches, rebatch
from arrowdsl.schema.schema import EncodingPolicy, SchemaTransform, TableSpec, plain, rebuilt


@dataclass(frozen=True)
class Form:
    """Aligns a plan's batches to ``schema``, whose dictionary columns are encoded by ``encoding``."""

    schema: pa.Schema
    encoding: EncodingPolicy

    @classmethod
    def of(cls, schema: pa.Schema, spec: TableSpec) -> "Form":
        """The form of some columns of a contract."""
        return cls(schema, EncodingPolicy(tuple(each for each in spec.encoding.specs if each.column in schema.names)))

    def batches(self, rows: Iterable[pa.RecordBatch]) -> Batches:
        """The rows in batches of at most 64 Ki rows and 4 MiB, none of them empty."""
        for batch in rebatch(rows):
            yield self.apply(batch)

    def apply(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """A batch that is not empty, in this form. Raises what SchemaTransform and EncodingPolicy raise."""
        aligned = self._aligned(batch)
        if not self.encoding.specs:
            return rebuilt(aligned, self.schema)
        [encoded] = self.encoding.apply(pa.Table.from_batches([aligned])).to_batches()
        return rebuilt(encoded, self.schema)

    @cached_property
    def _plain(self) -> pa.Schema:
        return plain(self.schema)

    def _aligned(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Most batches need no cast, and trying one out takes as long as streaming the batch."""
        if not all(self._has(batch, column) for column in self._plain):
            return SchemaTransform(self._plain).apply(pa.Table.from_batches([batch])).to_batches()[0]
        columns = [batch.column(column.name) for column in self._plain]
        for column, values in zip(self._plain, columns, strict=True):
            if not column.nullable and values.null_count:
                raise NullValueError(f"column {column.name} is required and has {values.null_count} nulls")
        return pa.RecordBatch.from_arrays(columns, schema=self._plain)

    @staticmethod
    def _has(batch: pa.RecordBatch, column: pa.Field) -> bool:
        place = batch.schema.get_field_index(column.name)
        return place >= 0 and bool(batch.schema.field(place).type == column.type)
