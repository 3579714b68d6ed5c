"""Scopes, bindings, and the names that bind or use them: the layer sym."""

from arrowdsl.compute.expr import Column
from flight_server.cpg.families import EdgeFamily, NodeFamily, Within

_BINDING = "{symbol_row_id}"

NODES = (
    NodeFamily("SYM_SCOPE", "sym_scopes", "{scope_id}"),
    NodeFamily("PY_BINDING", "sym_symbols", _BINDING, span=None),
)
EDGES = (
    EdgeFamily(
        "FILE_CONTAINS",
        "sym_scopes",
        "{file_id}",
        "{scope_id}",
        rule="top_scope",
        origin="pipeline",
        only={"scope_type": "module"},
    ),
    EdgeFamily(
        "HAS_SCOPE",
        "sym_scopes",
        "{def_id}",
        "{scope_id}",
        rule="scope_of_definition",
        origin="cst",
        given=("def_id",),
        within=(Within("cst_defs", (("def_id", "def_id"),)),),
    ),
    EdgeFamily(
        "SCOPE_PARENT",
        "sym_scope_edges",
        "{child_scope_id}",
        "{parent_scope_id}",
        rule="scope_parent",
        origin="symtable",
        span=None,
        given=("parent_scope_id", "child_scope_id"),
    ),
    EdgeFamily("SCOPE_BINDS", "sym_symbols", "{scope_id}", _BINDING, rule="scope_symbol", origin="symtable", span=None),
    EdgeFamily(
        "DEF_SITE_OF",
        "binding_sites",
        "{name_ref_id}",
        _BINDING,
        rule="name_bound",
        origin="symtable",
        only={"expr_ctx": "STORE"},
    ),
    EdgeFamily(
        "USE_SITE_OF",
        "binding_sites",
        "{name_ref_id}",
        _BINDING,
        rule="name_read",
        origin="symtable",
        only={"expr_ctx": ("LOAD", "DEL")},
    ),
    EdgeFamily(
        "USE_SITE_OF",
        "class_body_uses",
        "{name_ref_id}",
        "{target_id}",
        rule="class_body_global",
        origin="symtable",
        method="binding",
        confidence=0.5,
        values={"ambiguity_group_id": Column("name_ref_id")},
    ),
    EdgeFamily(
        "BINDING_RESOLVES_TO",
        "binding_targets",
        _BINDING,
        "{target_id}",
        rule="free_name",
        origin="symtable",
        method="binding",
        span=None,
        only={"rule": ("free_name", "global_name")},
        values={"rule_name": Column("rule")},
    ),
)
