"""The syntax trees: of ``ast``, and of tree-sitter."""

from arrowdsl.compute.expr import Call, Column
from flight_server.cpg.families import EdgeFamily, NodeFamily

_TS = ("start_byte", "end_byte")

NODES = (
    NodeFamily("AST_NODE", "ast_nodes", "ast:{file_id}:{ast_idx:d}"),
    NodeFamily("TS_NODE", "ts_nodes", "{ts_node_id}", _TS),
    NodeFamily("TS_ERROR", "ts_errors", "{ts_error_id}", _TS),
    NodeFamily("TS_MISSING", "ts_missing", "{ts_missing_id}", _TS),
)
EDGES = (
    EdgeFamily(
        "FILE_CONTAINS",
        "ast_nodes",
        "{file_id}",
        "ast:{file_id}:{ast_idx:d}",
        rule="ast_root",
        origin="pipeline",
        where=Call("isNull", (Column("parent_ast_idx"),)),
    ),
    EdgeFamily(
        "AST_PARENT_OF",
        "ast_nodes",
        "ast:{file_id}:{parent_ast_idx:d}",
        "ast:{file_id}:{ast_idx:d}",
        rule="ast_child",
        origin="ast",
        given=("parent_ast_idx",),
    ),
    EdgeFamily(
        "FILE_CONTAINS",
        "ts_nodes",
        "{file_id}",
        "{ts_node_id}",
        rule="ts_root",
        origin="pipeline",
        span=_TS,
        where=Call("isNull", (Column("parent_ts_id"),)),
    ),
    EdgeFamily(
        "TS_PARENT_OF",
        "ts_nodes",
        "{parent_ts_id}",
        "{ts_node_id}",
        rule="ts_child",
        origin="treesitter",
        span=_TS,
        given=("parent_ts_id",),
    ),
    EdgeFamily(
        "TS_PARENT_OF",
        "ts_errors",
        "{ts_node_id}",
        "{ts_error_id}",
        rule="ts_error",
        origin="treesitter",
        span=_TS,
        given=("ts_node_id",),
    ),
    EdgeFamily(
        "TS_PARENT_OF",
        "ts_missing",
        "{ts_node_id}",
        "{ts_missing_id}",
        rule="ts_missing",
        origin="treesitter",
        span=_TS,
        given=("ts_node_id",),
    ),
)
