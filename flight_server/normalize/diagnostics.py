"""What tools complain about, brought into one form: parse errors of each layer, and an indexer's diagnostics."""

from functools import partial

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from arrowdsl.compute.expr import Call, Column, Expr, Literal
from arrowdsl.plan.nodes import Kernel, KernelFunction, Plan
from flight_server.kernels.arrays import numbers
from flight_server.kernels.text_positions import OUT_OF_RANGE, UTF32, line_index
from flight_server.normalize.occurrences import placed

COLUMNS = (
    "file_id",
    "path",
    "bstart",
    "bend",
    "diag_id",
    "severity",
    "message",
    "diag_source",
    "code",
    "details",
)
_NULL = Literal(None, pa.string())
_NOWHERE = Literal(None, pa.int64())
_LINES = ("line", "column", "end_line", "end_column")


def of_cst(cst_parse_errors: Plan, repo_files: Plan) -> Plan:
    """COLUMNS, of files that the layer cst could not parse: lines count from 1, columns from 0."""
    errors = cst_parse_errors.select(
        *("file_id", "path", "error_type", "message"),
        line=Column("raw_line"),
        column=Column("raw_column"),
        end_line=Column("raw_line"),
        end_column=Column("raw_column"),
    )
    return _formed(_spanned(errors, repo_files, first_column=0), "cst", Column("error_type"))


def of_ast(ast_errors: Plan, repo_files: Plan) -> Plan:
    """COLUMNS, of files that the layer ast could not parse: lines and columns count from 1."""
    errors = ast_errors.select(
        *("file_id", "path", "error_type", "message"),
        line=Column("lineno"),
        column=Column("offset"),
        end_line=Column("end_lineno"),
        end_column=Column("end_offset"),
    )
    return _formed(_spanned(errors, repo_files, first_column=1), "ast", Column("error_type"))


def of_bytecode(bc_errors: Plan) -> Plan:
    """COLUMNS, of files that could not be compiled."""
    errors = bc_errors.select("file_id", "path", "error_type", "message", bstart=_NOWHERE, bend=_NOWHERE)
    return _formed(errors, "bc", Column("error_type"))


def of_tree_sitter(ts_nodes: Plan) -> Plan:
    """COLUMNS, of what tree-sitter could not read, and of what it had to assume."""
    found = ts_nodes.where(Call("or", (Column("is_error"), Column("is_missing"))))
    return found.select(
        "file_id",
        "path",
        bstart=Column("start_byte"),
        bend=Column("end_byte"),
        diag_id=_joined(Literal("diag:ts:"), Column("ts_node_id")),
        severity=Literal("error"),
        message=_joined(Literal("syntax error at "), Column("ts_type")),
        diag_source=Literal("ts"),
        code=Column("ts_type"),
        details=_NULL,
    )


def of_scip(scip_diagnostics: Plan, scip_documents: Plan, repo_files: Plan, scip_metadata: Plan) -> Plan:
    """COLUMNS, of what an indexer says."""
    position = ("start_line", "start_char", "end_line", "end_char")
    kept = ("file_id", "path", "document_id", "diagnostic_id", "severity", "code", "message", "source")
    ranges = scip_diagnostics.select(*kept, *position, range_len=Literal(len(position), pa.int32()))
    return placed(ranges, scip_documents, repo_files, scip_metadata).select(
        *("file_id", "path", "bstart", "bend"),
        diag_id=_joined(Literal("diag:scip:"), Column("diagnostic_id")),
        severity=Column("severity"),
        message=Column("message"),
        diag_source=Call("coalesce", (Column("source"), Literal("scip"))),
        code=Column("code"),
        details=_NULL,
    )


def _formed(errors: Plan, source: str, code: Expr) -> Plan:
    place = Call("coalesce", (Call("text", (Column("bstart"),)), Literal("")))
    return errors.select(
        *("file_id", "path", "bstart", "bend"),
        diag_id=_joined(Literal("diag:"), Column("file_id"), Literal(f":{source}:"), place),
        severity=Literal("error"),
        message=Column("message"),
        diag_source=Literal(source),
        code=code,
        details=_NULL,
    )


def _joined(*parts: Expr) -> Expr:
    return Call("concat", parts)


def _spanned(errors: Plan, repo_files: Plan, *, first_column: int) -> Plan:
    """The errors with bstart and bend in place of lines and columns, which count characters."""
    function = KernelFunction(
        name=f"spans of errors, columns from {first_column}",
        version=1,
        apply=partial(_with_spans, first_column=first_column),
        needs=("path", *_LINES),
        passes=frozenset({"file_id", "path"}),
        side_needs=(("path", "text"),),
    )
    return Kernel(errors, function, (repo_files.select("path", "text"),))


def _with_spans(errors: pa.Table, files: pa.Table, *, first_column: int) -> pa.Table:
    files = files.filter(pc.is_in(files.column("path"), pc.unique(errors.column("path"))))
    file = pc.index_in(errors.column("path"), files.column("path").combine_chunks())
    texts, row = line_index(files.column("text")), numbers(file)
    known = np.flatnonzero(row >= 0)
    line, column, end_line, end_column = (numbers(errors.column(name))[known] for name in _LINES)
    encoding = np.full(len(known), UTF32)
    start = texts.offsets(row[known], line - 1, column - first_column, encoding)
    end = texts.offsets(row[known], end_line - 1, end_column - first_column, encoding)
    spans = {name: np.full(errors.num_rows, OUT_OF_RANGE) for name in ("bstart", "bend")}
    spans["bstart"][known] = start
    spans["bend"][known] = np.maximum(start, end)
    for name, offsets in spans.items():
        errors = errors.append_column(name, pa.array(offsets, mask=spans["bstart"] == OUT_OF_RANGE))
    return errors.drop_columns(list(_LINES))
