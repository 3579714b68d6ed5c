"""Diagnostics: errors of the parsers and the compiler, and an indexer's findings, as rows of one table."""

import pyarrow as pa

from arrowdsl.compute.expr import Expr, Literal, coalesce, col, concat
from arrowdsl.plan.nodes import Plan, Union
from flight_server.pipeline.families import edges, nodes, props, template
from flight_server.pipeline.relational import PLACE, output
from flight_server.pipeline.spans import errors_placed, ranges_placed

NODES = nodes("DIAG diagnostics_norm {diag_id} name=message")
EDGES = edges("""
    FILE_CONTAINS   diagnostic  diagnostics_norm  {file_id} > {diag_id}  origin=pipeline
    HAS_DIAGNOSTIC  diagnostic  diagnostics_norm  {file_id} > {diag_id}  origin=diagnostic
""")
PROPS = props("diagnostics_norm {diag_id} message severity code source=diag_source")
_ERROR = ("file_id", "path", "error_type", "message")


@output("diagnostics")
def diagnostics_norm(
    cst_parse_errors: Plan,
    ast_errors: Plan,
    bc_errors: Plan,
    ts_nodes: Plan,
    scip_diagnostics: Plan,
    scip_documents: Plan,
    scip_metadata: Plan,
    repo_files: Plan,
) -> Plan:
    """The errors that the layers report, and an indexer's findings."""
    nowhere = Literal(None, pa.int64())
    return Union(
        (
            _errors("cst", _of_cst(cst_parse_errors, repo_files)),
            _errors("ast", _of_ast(ast_errors, repo_files)),
            _errors("bc", bc_errors.select(*_ERROR, bstart=nowhere, bend=nowhere)),
            _of_tree_sitter(ts_nodes),
            _of_scip(scip_diagnostics, scip_documents, repo_files, scip_metadata),
        )
    )


def _of_cst(cst_parse_errors: Plan, repo_files: Plan) -> Plan:
    line, column = col("raw_line"), col("raw_column")
    errors = cst_parse_errors.select(*_ERROR, line=line, column=column, end_line=line, end_column=column)
    return errors_placed(errors, repo_files, first_column=0)


def _of_ast(ast_errors: Plan, repo_files: Plan) -> Plan:
    errors = ast_errors.select(
        *_ERROR,
        line=col("lineno"),
        column=col("offset"),
        end_line=col("end_lineno"),
        end_column=col("end_offset"),
    )
    return errors_placed(errors, repo_files, first_column=1)


def _errors(source: str, errors: Plan) -> Plan:
    offset = coalesce(col("bstart").as_text(), "")
    diag_id = concat("diag:", col("file_id"), f":{source}:", offset)
    return _diagnostics(errors, diag_id, Literal("error"), col("message"), Literal(source), col("error_type"))


def _of_tree_sitter(ts_nodes: Plan) -> Plan:
    """Tree-sitter's error nodes and missing nodes."""
    found = ts_nodes.where(col("is_error") | col("is_missing")).select(
        *("file_id", "path", "ts_node_id", "ts_type"), bstart=col("start_byte"), bend=col("end_byte")
    )
    message = concat("syntax error at ", col("ts_type"))
    return _diagnostics(
        found, template("diag:ts:{ts_node_id}"), Literal("error"), message, Literal("ts"), col("ts_type")
    )


def _of_scip(scip_diagnostics: Plan, scip_documents: Plan, repo_files: Plan, scip_metadata: Plan) -> Plan:
    position = ("start_line", "start_char", "end_line", "end_char")
    columns = ("file_id", "path", "document_id", "diagnostic_id", "severity", "code", "message", "source")
    ranges = scip_diagnostics.select(*columns, *position, range_len=Literal(len(position), pa.int32()))
    found = ranges_placed(ranges, scip_documents, repo_files, scip_metadata)
    source = coalesce(col("source"), "scip")
    diag_id = template("diag:scip:{diagnostic_id}")
    return _diagnostics(found, diag_id, col("severity"), col("message"), source, col("code"))


def _diagnostics(rows: Plan, diag_id: Expr, severity: Expr, message: Expr, source: Expr, code: Expr) -> Plan:
    """The columns of ``diagnostics_norm``, from rows with a file and a span."""
    return rows.select(
        *PLACE.split(),
        diag_id=diag_id,
        severity=severity,
        message=message,
        diag_source=source,
        code=code,
        details=Literal(None, pa.string()),
    )
