"""The encoding of cached and sent rows: batches of bounded size, aligned to a schema, with dictionaries."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import pyarrow as pa

from arrowdsl.errors import NullValueError
from arrowdsl.plan.batches import Batches, rebatch
from arrowdsl.schema.schema import EncodingPolicy, SchemaTransform, TableSpec, plain, rebuilt


@dataclass(frozen=True)
class WireEncoding:
    """Aligns a plan's batches to ``schema``, whose dictionary columns are encoded by ``policy``."""

    schema: pa.Schema
    policy: EncodingPolicy

    @classmethod
    def of(cls, schema: pa.Schema, spec: TableSpec) -> "WireEncoding":
        """The encoding of some columns of a contract."""
        encoded = tuple(each for each in spec.encoding.specs if each.column in schema.names)
        return cls(schema, EncodingPolicy(encoded))

    def batches(self, rows: Iterable[pa.RecordBatch]) -> Batches:
        """The rows in batches of at most 64 Ki rows and 3.5 MiB, none of them empty."""
        for batch in rebatch(rows):
            yield self._encoded(batch)

    def _encoded(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Raises the errors of SchemaTransform and EncodingPolicy."""
        aligned = self._aligned(batch)
        if not self.policy.specs:
            return rebuilt(aligned, self.schema)
        [encoded] = self.policy.apply(pa.Table.from_batches([aligned])).to_batches()
        return rebuilt(encoded, self.schema)

    @cached_property
    def _plain(self) -> pa.Schema:
        return plain(self.schema)

    def _aligned(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Most batches need no cast, and to try one out takes as long as to stream the batch."""
        given = {column.name: column.type for column in batch.schema}
        if any(given.get(column.name) != column.type for column in self._plain):
            return SchemaTransform(self._plain).apply(pa.Table.from_batches([batch])).to_batches()[0]
        columns = [batch.column(column.name) for column in self._plain]
        for column, values in zip(self._plain, columns, strict=True):
            if not column.nullable and values.null_count:
                raise NullValueError(f"column {column.name} is required and has {values.null_count} nulls")
        return pa.RecordBatch.from_arrays(columns, schema=self._plain)
