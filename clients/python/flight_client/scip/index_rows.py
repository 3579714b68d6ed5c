"""The documents and symbols of an index as record batches with the columns and types of the contracts.

An id consists of the document's id, a kind, and the ordinal in the document: ``doc:<file_id>/occ:<n>``.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from types import MappingProxyType

import pyarrow as pa
import pyarrow.compute as pc
from google.protobuf.message import Message

from arrowdsl.schema.schema import SchemaMetadataSpec
from flight_client.contracts.raw import RAW_TABLES
from flight_client.scip import vocabulary

VERSION = "1"
_BOUNDS = ("start_line", "start_char", "end_line", "end_char")
_NO_BOUNDS = (None,) * len(_BOUNDS)
SCHEMAS: Mapping[str, pa.Schema] = MappingProxyType(
    {
        name: SchemaMetadataSpec(schema_metadata={"extractor_version": VERSION}).apply(spec.schema)
        for name, spec in RAW_TABLES.items()
        if spec.layer == "scip"
    }
)

Columns = Mapping[str, object]


@dataclass(frozen=True)
class IndexedFile:
    """A document of the index and its file in the repo; ``sha256`` is None if it is unknown."""

    file_id: str
    path: str
    document_id: str
    sha256: str | None
    document: Message


class _Elements:
    """A row for each element of several sequences, each of which has an owner with an id."""

    def __init__(self, sequences: Sequence[Sequence[object]]) -> None:
        self._owners = pa.array([owner for owner, items in enumerate(sequences) for _ in items], pa.int64())
        self._ordinals = pa.array([ordinal for items in sequences for ordinal in range(len(items))], pa.int64())

    def take(self, values: Sequence[str | None] | pa.Array) -> pa.Array:
        """The value of each row's owner."""
        return (values if isinstance(values, pa.Array) else pa.array(values, pa.string())).take(self._owners)

    def ids(self, owner_ids: Sequence[str] | pa.Array, kind: str) -> pa.Array:
        """The id of each row: ``<id of the owner>/<kind>:<ordinal>``."""
        ordinals = self._ordinals.cast(pa.string())
        return pc.binary_join_element_wise(self.take(owner_ids), f"/{kind}:", ordinals, "")


def metadata_rows(metadata: Message) -> pa.RecordBatch:
    """The one row of ``scip_metadata``."""
    tool = metadata.tool_info
    row = {
        "tool_name": tool.name or None,
        "tool_version": tool.version or None,
        "project_root": metadata.project_root or None,
        "text_document_encoding": vocabulary.names([metadata.text_document_encoding], vocabulary.TEXT_ENCODINGS)[0],
        "protocol_version": str(metadata.version),
        "meta": [("arguments", " ".join(tool.arguments))] if tool.arguments else [],
    }
    return _batch("scip_metadata", {name: [value] for name, value in row.items()})


def document_rows(files: Sequence[IndexedFile]) -> Mapping[str, pa.RecordBatch]:
    """The rows of some documents, by table."""
    occurrences = list(chain.from_iterable(file.document.occurrences for file in files))
    symbols = list(chain.from_iterable(file.document.symbols for file in files))
    document_ids = [file.document_id for file in files]
    at = _Elements([file.document.occurrences for file in files])
    below = _Elements([file.document.symbols for file in files])
    owner = {"file_id": at.take([file.file_id for file in files]), "path": at.take([file.path for file in files])}
    named = {"document_id": at.take(document_ids), "occurrence_id": at.ids(document_ids, "occ")}
    found = {**owner, **named, **_ranges([_range(each) for each in occurrences], "")}
    return {
        "scip_documents": _documents(files),
        "scip_occurrences": _occurrences(occurrences, found),
        "scip_diagnostics": _diagnostics(occurrences, found),
        **_symbols("scip_symbol_information", symbols, below.ids(document_ids, "sym"), below.take(document_ids)),
    }


def external_rows(symbols: Sequence[Message], first: int) -> Mapping[str, pa.RecordBatch]:
    """The rows of some external symbols, by table; ``first`` is the number of external symbols before them."""
    ids = pa.array([f"external/sym:{number}" for number in range(first, first + len(symbols))], pa.string())
    return _symbols("scip_external_symbol_information", symbols, ids, pa.nulls(len(ids), pa.string()))


def _documents(files: Sequence[IndexedFile]) -> pa.RecordBatch:
    encodings = vocabulary.names((file.document.position_encoding for file in files), vocabulary.POSITION_ENCODINGS)
    return _batch(
        "scip_documents",
        {
            "file_id": [file.file_id for file in files],
            "path": [file.path for file in files],
            "file_sha256": [file.sha256 for file in files],
            "document_id": [file.document_id for file in files],
            "language": [file.document.language or None for file in files],
            "position_encoding": encodings,
        },
    )


def _occurrences(occurrences: Sequence[Message], found: Columns) -> pa.RecordBatch:
    return _batch(
        "scip_occurrences",
        {
            **found,
            "symbol": [each.symbol or None for each in occurrences],
            "symbol_roles": [each.symbol_roles for each in occurrences],
            "syntax_kind": vocabulary.names((each.syntax_kind for each in occurrences), vocabulary.SYNTAX_KINDS),
            "override_documentation": [list(each.override_documentation) or None for each in occurrences],
            **_ranges([_enclosing_range(each) for each in occurrences], "enc_"),
        },
    )


def _diagnostics(occurrences: Sequence[Message], found: Mapping[str, pa.Array]) -> pa.RecordBatch:
    at = _Elements([each.diagnostics for each in occurrences])
    diagnostics = list(chain.from_iterable(each.diagnostics for each in occurrences))
    repeated = ("file_id", "path", "document_id", "start_line", "start_char", "end_line", "end_char")
    return _batch(
        "scip_diagnostics",
        {
            **{name: at.take(found[name]) for name in repeated},
            "diagnostic_id": at.ids(found["occurrence_id"], "diag"),
            "severity": vocabulary.names((each.severity for each in diagnostics), vocabulary.SEVERITIES),
            "code": [each.code or None for each in diagnostics],
            "message": [each.message or None for each in diagnostics],
            "source": [each.source or None for each in diagnostics],
            "tags": [vocabulary.names(each.tags, vocabulary.DIAGNOSTIC_TAGS) for each in diagnostics],
        },
    )


def _symbols(
    table: str, symbols: Sequence[Message], ids: pa.Array, document_ids: pa.Array
) -> Mapping[str, pa.RecordBatch]:
    """The rows of ``table``, and of ``scip_symbol_relationships``."""
    signed = [each.signature_documentation if each.HasField("signature_documentation") else None for each in symbols]
    information = {
        "symbol_info_id": ids,
        "document_id": document_ids,
        "symbol": [each.symbol or None for each in symbols],
        "display_name": [each.display_name or None for each in symbols],
        "kind": vocabulary.names((each.kind for each in symbols), vocabulary.SYMBOL_KINDS),
        "enclosing_symbol": [each.enclosing_symbol or None for each in symbols],
        "documentation": [list(each.documentation) for each in symbols],
        "signature_documentation": [each and {"text": each.text, "language": each.language} for each in signed],
    }
    related = _Elements([each.relationships for each in symbols])
    relationships = list(chain.from_iterable(each.relationships for each in symbols))
    flags = ("is_reference", "is_implementation", "is_type_definition", "is_definition")
    relations = {
        "relationship_id": related.ids(ids, "rel"),
        "document_id": related.take(document_ids),
        "symbol": related.take([each.symbol for each in symbols]),
        "related_symbol": [each.symbol for each in relationships],
        **{flag: [getattr(each, flag) for each in relationships] for flag in flags},
    }
    return {
        table: _batch(table, information),
        "scip_symbol_relationships": _batch("scip_symbol_relationships", relations),
    }


def _range(occurrence: Message) -> Sequence[int]:
    return occurrence.range or _typed(occurrence, "single_line_range", "multi_line_range")


def _enclosing_range(occurrence: Message) -> Sequence[int]:
    return occurrence.enclosing_range or _typed(occurrence, "single_line_enclosing_range", "multi_line_enclosing_range")


def _typed(occurrence: Message, single: str, multi: str) -> Sequence[int]:
    """A range of a newer index, as the three or four numbers of older ones; empty if there is none."""
    if occurrence.HasField(single):
        line = getattr(occurrence, single)
        return (line.first, line.second, line.third)
    if occurrence.HasField(multi):
        lines = getattr(occurrence, multi)
        return (lines.first, lines.second, lines.third, lines.fourth)
    return ()


def _ranges(ranges: Sequence[Sequence[int]], prefix: str) -> dict[str, pa.Array]:
    """The columns of ranges of three or four numbers; a malformed range gives only its length, an empty one nulls."""
    bounds = list(zip(*map(_bounds, ranges), strict=True)) or [()] * len(_BOUNDS)
    columns = {prefix + name: pa.array(column, pa.int32()) for name, column in zip(_BOUNDS, bounds, strict=True)}
    return {**columns, f"{prefix}range_len": pa.array([len(each) or None for each in ranges], pa.int32())}


def _bounds(numbers: Sequence[int]) -> Sequence[int | None]:
    match len(numbers):
        case 3:
            line, start, end = numbers
            return line, start, line, end
        case 4:
            return numbers
        case _:
            return _NO_BOUNDS


def _batch(table: str, columns: Columns) -> pa.RecordBatch:
    arrays = [_array(columns[field.name], field.type) for field in SCHEMAS[table]]
    return pa.RecordBatch.from_arrays(arrays, schema=SCHEMAS[table])


def _array(values: object, kind: pa.DataType) -> pa.Array:
    return values if isinstance(values, pa.Array) else pa.array(values, kind)
