"""SCIP occurrences with the byte spans that they have in the repo's files, and what could not be placed, and why.

A document says in which code units it counts characters. Where it does not, its tool tells (``TOOLS``); where that is
not known either, occurrences are placed on lines on which all encodings count alike.
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from arrowdsl.compute.expr import Call, Column, Expr, Literal
from arrowdsl.plan.nodes import Join, Kernel, KernelFunction, Plan, Union
from flight_server.kernels.arrays import Bools, Ints, numbers, truths
from flight_server.kernels.text_positions import OUT_OF_RANGE, UTF8, UTF16, UTF32, LineIndex, line_index

# What indexers that don't say so count in: pyright and the TypeScript compiler hold text as JavaScript strings.
TOOLS: Mapping[str, int] = MappingProxyType({"scip-python": UTF16, "scip-typescript": UTF16})
ENCODINGS: Mapping[str, int] = MappingProxyType(
    {
        "UTF8CodeUnitOffsetFromLineStart": UTF8,
        "UTF16CodeUnitOffsetFromLineStart": UTF16,
        "UTF32CodeUnitOffsetFromLineStart": UTF32,
    }
)
UNKNOWN = 0

REASONS = (
    "no_text",  # the repo has no such file, or not its text
    "stale",  # the file has changed since it was indexed
    "malformed_range",  # not three or four numbers, or its end is before its start
    "unknown_encoding",  # nothing says how the line's wide characters count
    "out_of_range",  # the file has no such line, or the line no such character
)
_PLACED = -1
_POSITION = ("start_line", "start_char", "end_line", "end_char", "range_len")


def placed(scip_occurrences: Plan, scip_documents: Plan, repo_files: Plan, scip_metadata: Plan) -> Plan:
    """The occurrences with bstart, bend, span_ok, and span_error: one of REASONS where there is no span."""
    return Kernel(scip_occurrences, _PLACE, (scip_documents, repo_files, scip_metadata))


def span_errors(placed_occurrences: Plan, scip_documents: Plan, repo_files: Plan) -> Plan:
    """document_id, path, reason: what is wrong with a document or with occurrences in it, each reason once."""
    kept = ("document_id", "path", "file_sha256")
    stored = repo_files.where(_given("text")).select("path", stored_sha256=Column("file_sha256"))
    documents = Join(scip_documents.select(*kept), stored, "left outer", ("path",), ("path",), kept, ("stored_sha256",))
    missing = documents.where(Call("isNull", (Column("stored_sha256"),)))
    changed = documents.where(Call("<>", (Column("stored_sha256"), Column("file_sha256"))))
    occurring = placed_occurrences.where(_given("span_error"))
    found = (
        missing.select("document_id", "path", reason=Literal("no_text")),
        changed.select("document_id", "path", reason=Literal("stale")),
        occurring.select("document_id", "path", reason=Column("span_error")),
    )
    return Union(found).distinct("document_id", "path", "reason")


def _given(column: str) -> Expr:
    return Call("not", (Call("isNull", (Column(column),)),))


def _place(occurrences: pa.Table, documents: pa.Table, files: pa.Table, metadata: pa.Table) -> pa.Table:
    files = files.filter(pc.is_in(files.column("path"), pc.unique(occurrences.column("path"))))
    file = pc.index_in(occurrences.column("path"), files.column("path").combine_chunks())
    document = pc.index_in(occurrences.column("document_id"), documents.column("document_id").combine_chunks())
    has_text = truths(pc.is_valid(files.column("text")).take(file))
    stale = truths(pc.not_equal(documents.column("file_sha256").take(document), files.column("file_sha256").take(file)))
    encodings = np.append(_encodings(documents, metadata), UNKNOWN)[numbers(document)]
    positions = [numbers(occurrences.column(name)) for name in _POSITION]
    well_formed = np.isin(positions[-1], (3, 4))

    starts, ends, ambiguous = (np.zeros(occurrences.num_rows, np.int64) for _ in range(3))
    tried = np.flatnonzero(has_text & ~stale & well_formed)
    spans = _spans(
        line_index(files.column("text")), numbers(file)[tried], [n[tried] for n in positions], encodings[tried]
    )
    starts[tried], ends[tried], ambiguous[tried] = spans

    out = (starts == OUT_OF_RANGE) | (ends == OUT_OF_RANGE)
    wrong = (~has_text, stale, ~well_formed | (~out & (ends < starts)), ambiguous != 0, out)
    error = np.select(wrong, range(len(REASONS)), _PLACED)
    failed = error != _PLACED
    return _with_columns(
        occurrences,
        bstart=pa.array(starts, mask=failed),
        bend=pa.array(ends, mask=failed),
        span_ok=pa.array(~failed),
        span_error=pa.array(REASONS, pa.string()).take(pa.array(error, mask=~failed)),
    )


def _spans(texts: LineIndex, files: Ints, positions: Sequence[Ints], encodings: Ints) -> tuple[Ints, Ints, Bools]:
    """The start and end of each range in bytes, and whether they depend on an encoding that is not known."""
    start_line, start_char, end_line, end_char, _ = positions
    known = np.where(encodings == UNKNOWN, UTF8, encodings)
    plain = texts.only_ascii(files, start_line) & texts.only_ascii(files, end_line)
    return (
        texts.offsets(files, start_line, start_char, known),
        texts.offsets(files, end_line, end_char, known),
        (encodings == UNKNOWN) & ~plain,
    )


def _encodings(documents: pa.Table, metadata: pa.Table) -> Ints:
    """The code units that each document counts in."""
    tools = {TOOLS.get(name, UNKNOWN) for name in metadata.column("tool_name").to_pylist()}
    unsaid = tools.pop() if len(tools) == 1 else UNKNOWN
    named = pc.index_in(documents.column("position_encoding"), pa.array(ENCODINGS, pa.string()))
    return np.array([*ENCODINGS.values(), unsaid])[numbers(named)]


def _with_columns(table: pa.Table, **columns: pa.Array) -> pa.Table:
    for name, values in columns.items():
        table = table.append_column(name, values)
    return table


_PLACE = KernelFunction(
    name="scip spans",
    version=1,
    apply=_place,
    needs=("path", "document_id", *_POSITION),
    passes=frozenset({"path", "file_id", "document_id", "occurrence_id", "symbol", "symbol_roles"}),
    group_by="path",
    side_needs=(
        ("document_id", "file_sha256", "position_encoding"),
        ("path", "file_sha256", "text"),
        ("tool_name",),
    ),
)
