"""Byte spans in the repo's files, from the lines and characters that tools report; and the lines of byte spans.

A SCIP document may name the code units of its positions; otherwise the tool decides (``TOOLS``). If the tool is unknown
too, only positions on ASCII lines have a span, since all encodings agree there.
"""

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from types import MappingProxyType

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from arrowdsl.plan.nodes import Kernel, KernelFunction, Plan
from flight_server.kernels.arrays import Bools, Ints, numbers, rows_of, starts_of, truths
from flight_server.kernels.text_positions import OUT_OF_RANGE, UTF8, UTF16, UTF32, LineIndex, line_index
from flight_server.pipeline.relational import kernel

# These indexers count in UTF-16 without saying so: pyright and the TypeScript compiler hold text as JavaScript strings.
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
    "no_text",  # the repo does not have the file, or not its text
    "stale",  # the file has changed since it was indexed
    "malformed_range",  # the range has not three or four numbers, or ends before its start
    "unknown_encoding",  # the line has non-ASCII characters, and the code units are unknown
    "out_of_range",  # the line or the character does not exist
)
_PLACED = -1
_FILE_BITS = 32  # of an offset in one file
_RANGE = "start_line start_char end_line end_char range_len"
_LINES = "line column end_line end_column"


def starts_of_lines(repo_files: Plan) -> Plan:
    """Each file's path, and ``starts``, the list of the byte offsets at which its lines start."""
    return kernel("line_starts", _line_starts, (repo_files, "path text"), passes="path")


def with_lines(rows: Plan, line_starts: Plan, columns: Iterable[str]) -> Plan:
    """Rows with their ``line`` and ``end_line``, those of the first and the last character, from 1.

    ``columns`` are the columns of the rows, among them path, bstart and bend.
    """
    function = KernelFunction(
        name="lines",
        version=1,
        apply=_with_lines,
        needs=("path", "bstart", "bend"),
        passes=frozenset(columns),
        adds=frozenset({"line", "end_line"}),
        side_needs=(("path", "starts"),),
        row_by_row=True,
    )
    return Kernel(rows, function, (line_starts,))


def ranges_placed(ranges: Plan, scip_documents: Plan, repo_files: Plan, scip_metadata: Plan) -> Plan:
    """SCIP ranges with bstart, bend, span_ok, and span_error (one of REASONS if there is no span)."""
    return kernel(
        "scip spans",
        _with_spans,
        (ranges, f"path document_id {_RANGE}"),
        (scip_documents, "document_id file_sha256 position_encoding"),
        (repo_files, "path file_sha256 text"),
        (scip_metadata, "tool_name"),
        passes="path file_id document_id occurrence_id symbol symbol_roles",
        group_by="path",
        adds_columns=True,
    )


def errors_placed(errors: Plan, repo_files: Plan, *, first_column: int) -> Plan:
    """Errors with bstart and bend in place of lines and columns.

    Lines count from 1, columns count characters from ``first_column``.
    """
    return kernel(
        f"spans of errors, columns from {first_column}",
        partial(_with_error_spans, first_column=first_column),
        (errors, f"path {_LINES}"),
        (repo_files, "path text"),
        passes="file_id path",
        adds_columns=True,
    )


def _line_starts(files: pa.Table) -> pa.Table:
    found = line_index(files.column("text"))
    starts = found.line_starts - np.repeat(found.starts[:-1], np.diff(found.first_lines))
    lists = pa.ListArray.from_arrays(pa.array(found.first_lines, pa.int32()), pa.array(starts, pa.int64()))
    return pa.table({"path": files.column("path"), "starts": lists})


def _with_lines(rows: pa.Table, files: pa.Table) -> pa.Table:
    """The rows with their lines: one binary search over all files' lines, each file beginning at a round number."""
    starts = files.column("starts").combine_chunks()
    counts = np.asarray(starts.value_lengths()).astype(np.int64)
    all_starts = np.repeat(np.arange(len(counts)) << _FILE_BITS, counts) + np.asarray(starts.flatten())
    lines_before = starts_of(counts)
    file = rows_of(rows.column("path"), files.column("path"))
    start, end = (numbers(rows.column(name)) for name in ("bstart", "bend"))
    unplaced = (file < 0) | (start < 0)
    found = rows
    for name, offset in (("line", start), ("end_line", np.maximum(start, end - 1))):
        line = np.searchsorted(all_starts, (file << _FILE_BITS) + offset, "right") - np.append(lines_before, 0)[file]
        found = found.append_column(name, pa.array(line, pa.int32(), mask=unplaced))
    return found


def _with_spans(ranges: pa.Table, documents: pa.Table, files: pa.Table, metadata: pa.Table) -> pa.Table:
    files = _files_of(ranges, files)
    file = pc.index_in(ranges.column("path"), files.column("path").combine_chunks())
    document = pc.index_in(ranges.column("document_id"), documents.column("document_id").combine_chunks())
    has_text = truths(pc.is_valid(files.column("text")).take(file))
    stale = truths(pc.not_equal(documents.column("file_sha256").take(document), files.column("file_sha256").take(file)))
    encodings = np.append(_encodings(documents, metadata), UNKNOWN)[numbers(document)]
    positions = [numbers(ranges.column(name)) for name in _RANGE.split()]
    well_formed = np.isin(positions[-1], (3, 4))

    starts, ends, ambiguous = (np.zeros(ranges.num_rows, np.int64) for _ in range(3))
    tried = np.flatnonzero(has_text & ~stale & well_formed)
    spans = _spans(
        line_index(files.column("text")), numbers(file)[tried], [n[tried] for n in positions], encodings[tried]
    )
    starts[tried], ends[tried], ambiguous[tried] = spans

    out = (starts == OUT_OF_RANGE) | (ends == OUT_OF_RANGE)
    wrong = (~has_text, stale, ~well_formed | (~out & (ends < starts)), ambiguous != 0, out)
    error = np.select(wrong, range(len(REASONS)), _PLACED)
    failed = error != _PLACED
    return (
        ranges.append_column("bstart", pa.array(starts, mask=failed))
        .append_column("bend", pa.array(ends, mask=failed))
        .append_column("span_ok", pa.array(~failed))
        .append_column("span_error", pa.array(REASONS, pa.string()).take(pa.array(error, mask=~failed)))
    )


def _spans(texts: LineIndex, files: Ints, positions: Sequence[Ints], encodings: Ints) -> tuple[Ints, Ints, Bools]:
    """The start and end of each range in bytes, and a flag for those that depend on an unknown encoding."""
    start_line, start_char, end_line, end_char, _ = positions
    known = np.where(encodings == UNKNOWN, UTF8, encodings)
    plain = texts.only_ascii(files, start_line) & texts.only_ascii(files, end_line)
    return (
        texts.offsets(files, start_line, start_char, known),
        texts.offsets(files, end_line, end_char, known),
        (encodings == UNKNOWN) & ~plain,
    )


def _encodings(documents: pa.Table, metadata: pa.Table) -> Ints:
    """The code units of each document's positions."""
    tools = {TOOLS.get(name, UNKNOWN) for name in metadata.column("tool_name").to_pylist()}
    default = tools.pop() if len(tools) == 1 else UNKNOWN
    named = pc.index_in(documents.column("position_encoding"), pa.array(ENCODINGS, pa.string()))
    return np.array([*ENCODINGS.values(), default])[numbers(named)]


def _with_error_spans(errors: pa.Table, files: pa.Table, *, first_column: int) -> pa.Table:
    files = _files_of(errors, files)
    row = rows_of(errors.column("path"), files.column("path"))
    known = np.flatnonzero(row >= 0)
    line, column, end_line, end_column = (numbers(errors.column(name))[known] for name in _LINES.split())
    texts, encoding = line_index(files.column("text")), np.full(len(known), UTF32)
    start, end = np.full((2, errors.num_rows), OUT_OF_RANGE)
    start[known] = texts.offsets(row[known], line - 1, column - first_column, encoding)
    end[known] = texts.offsets(row[known], end_line - 1, end_column - first_column, encoding)
    nowhere = start == OUT_OF_RANGE
    placed = errors.append_column("bstart", pa.array(start, mask=nowhere))
    return placed.append_column("bend", pa.array(np.maximum(start, end), mask=nowhere)).drop_columns(_LINES.split())


def _files_of(rows: pa.Table, files: pa.Table) -> pa.Table:
    return files.filter(pc.is_in(files.column("path"), pc.unique(rows.column("path"))))
