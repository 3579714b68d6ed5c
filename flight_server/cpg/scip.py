"""SCIP symbols: what names, imports and call sites are about by an indexer, and how symbols are related."""

from arrowdsl.compute.expr import Column
from flight_server.cpg.families import EdgeFamily, NodeFamily

_FOUND = {
    name: Column(name)
    for name in (
        "resolution_method",
        "confidence",
        "score",
        "symbol_roles",
        "ambiguity_group_id",
        "rule_name",
        "rule_priority",
    )
}

REPO_NODES = (NodeFamily("SCIP_SYMBOL", "scip_symbols", "{symbol_node_id}", span=None, in_file=False),)
EDGES = (
    *(
        EdgeFamily(
            kind,
            "accessed_symbols",
            "{name_ref_id}",
            "{symbol_node_id}",
            rule="name_span",
            origin="scip",
            only={column: wanted},
            values=_FOUND,
        )
        for kind, column, wanted in (
            ("PY_DEFINES_SYMBOL", "is_definition", True),
            ("PY_REFERENCES_SYMBOL", "is_definition", False),
            ("PY_READS_SYMBOL", "is_read", True),
            ("PY_WRITES_SYMBOL", "is_write", True),
        )
    ),
    *(
        EdgeFamily(kind, rows, site, "{symbol_node_id}", rule=rule, origin="scip", values=_FOUND)
        for kind, rows, site, rule in (
            ("PY_IMPORTS_SYMBOL", "import_symbols", "{import_id}", "import_span"),
            ("PY_CALLS_SYMBOL", "callsite_symbols", "{call_id}", "callee_span"),
        )
    ),
)
REPO_EDGES = tuple(
    EdgeFamily(
        kind,
        "related_symbols",
        "{src}",
        "{dst}",
        rule="symbol_relationship",
        origin="scip",
        span=None,
        in_file=False,
        only={flag: True},
    )
    for kind, flag in (
        ("SCIP_SYMBOL_REFERENCE", "is_reference"),
        ("SCIP_SYMBOL_IMPLEMENTATION", "is_implementation"),
        ("SCIP_SYMBOL_TYPE_DEFINITION", "is_type_definition"),
        ("SCIP_SYMBOL_DEFINITION", "is_definition"),
    )
)
