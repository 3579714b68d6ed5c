"""Definitions, parameters, call sites, names and imports: the layer cst, with what of the syntax tree belongs to it."""

from arrowdsl.compute.expr import Call, Column
from flight_server.cpg.families import EdgeFamily, NodeFamily, Within

_DEF = ("def_bstart", "def_bend")
_CALL = ("call_bstart", "call_bend")
_ALIAS = ("alias_bstart", "alias_bend")
_AST = "ast:{file_id}:{ast_idx:d}"
_ARG = "arg:{file_id}:{bstart:d}-{bend:d}"
_RETURN = "{return_id}"
_LITERAL = "literal:{file_id}:{bstart:d}-{bend:d}"
_IN_TREE = (Within("ast_nodes", (("file_id", "file_id"), ("ast_idx", "ast_idx"))),)

NODES = (
    NodeFamily("CST_DEF", "cst_defs", "{def_id}", _DEF),
    NodeFamily("CST_PARAM", "cst_params", "{param_id}"),
    NodeFamily("CST_ARG", "arguments", _ARG),
    NodeFamily("CST_RETURN", "returns", _RETURN),
    NodeFamily("CST_LITERAL", "literals", _LITERAL),
    NodeFamily("CST_NAME_REF", "cst_name_refs", "{name_ref_id}"),
    NodeFamily("CST_IMPORT_ALIAS", "cst_imports", "{import_id}", _ALIAS),
    NodeFamily("CST_CALLSITE", "cst_callsites", "{call_id}", _CALL),
    NodeFamily("CST_DECORATOR", "cst_decorators", "{def_id}/decorator:{pos:d}"),
)
EDGES = (
    EdgeFamily(
        "FILE_CONTAINS",
        "cst_defs",
        "{file_id}",
        "{def_id}",
        rule="top_definition",
        origin="pipeline",
        span=_DEF,
        where=Call("isNull", (Column("container_def_id"),)),
    ),
    EdgeFamily(
        "CONTAINS",
        "cst_defs",
        "{container_def_id}",
        "{def_id}",
        rule="nested_definition",
        origin="cst",
        span=_DEF,
        given=("container_def_id",),
    ),
    EdgeFamily("CONTAINS", "cst_params", "{def_id}", "{param_id}", rule="parameter", origin="cst"),
    EdgeFamily(
        "CONTAINS",
        "cst_callsites",
        "{owner_def_id}",
        "{call_id}",
        rule="call_site",
        origin="cst",
        span=_CALL,
        given=("owner_def_id",),
    ),
    EdgeFamily("CONTAINS", "owned_imports", "{def_id}", "{import_id}", rule="import", origin="cst", span=_ALIAS),
    EdgeFamily("CONTAINS", "returns", "{owner_def_id}", _RETURN, rule="return", origin="cst", given=("owner_def_id",)),
    EdgeFamily("AT_AST", "cst_defs", "{def_id}", _AST, rule="ast_definition", origin="cst", span=_DEF, within=_IN_TREE),
    EdgeFamily(
        "AT_AST", "cst_callsites", "{call_id}", _AST, rule="ast_call", origin="cst", span=_CALL, within=_IN_TREE
    ),
    EdgeFamily("AT_AST", "arguments", _ARG, _AST, rule="ast_argument", origin="cst"),
    EdgeFamily("AT_AST", "returns", _RETURN, _AST, rule="ast_return", origin="cst"),
    EdgeFamily("AT_AST", "literals", _LITERAL, _AST, rule="ast_literal", origin="cst"),
    EdgeFamily("ARGUMENT_OF", "arguments", _ARG, "{call_id}", rule="argument", origin="resolve"),
    EdgeFamily("RECEIVER", "receivers", "{receiver_id}", "{call_id}", rule="receiver", origin="resolve"),
)
