"""What is resolved across files: calls, arguments and results, imports, classes, and what lies outside the repo."""

from functools import partial

from arrowdsl.compute.expr import Call, Column
from flight_server.cpg.families import EdgeFamily, NodeFamily, Within

_EXTERNAL = "external:{name}"
_KNOWN = {
    "confidence": Column("confidence"),
    "score": Column("confidence"),
    "rule_name": Column("rule_name"),
    "ambiguity_group_id": Column("ambiguity_group_id"),
}
_OUTSIDE = Call("isNull", (Column("dst"),))
_ALIAS = ("alias_bstart", "alias_bend")
_resolved = partial(EdgeFamily, origin="resolve", method="points_to")

REPO_NODES = (NodeFamily("PY_EXTERNAL", "externals", _EXTERNAL, span=None, in_file=False),)
EDGES = (
    _resolved(
        "PY_CALLS_DEF",
        "resolved_calls",
        "{node_id}",
        "{dst}",
        rule="only_callee",
        given=("dst",),
        values=_KNOWN,
    ),
    _resolved(
        "PY_CALLS_EXTERNAL",
        "resolved_calls",
        "{node_id}",
        _EXTERNAL,
        rule="only_callee",
        given=("name",),
        where=_OUTSIDE,
        values=_KNOWN,
    ),
    _resolved(
        "ARG_TO_PARAM",
        "passed_arguments",
        "arg:{file_id}:{bstart:d}-{bend:d}",
        "{dst}",
        rule="only_callee",
        given=("dst",),
        within=(Within("arguments", (("file_id", "file_id"), ("bstart", "bstart"), ("bend", "bend"))),),
        values=_KNOWN,
    ),
    _resolved(
        "RETURN_TO_CALL",
        "returned_values",
        "{return_id}",
        "{node_id}",
        rule="only_callee",
        values=_KNOWN,
    ),
    EdgeFamily(
        "PY_IMPORTS_MODULE",
        "imported_modules",
        "{import_id}",
        "module:{module_file_id}",
        rule="module_name",
        origin="resolve",
        method="qualified_name",
        span=_ALIAS,
        given=("module_file_id",),
    ),
    EdgeFamily(
        "PY_IMPORTS_MODULE",
        "external_imports",
        "{import_id}",
        _EXTERNAL,
        rule="external_module",
        origin="resolve",
        method="qualified_name",
        span=_ALIAS,
    ),
    EdgeFamily(
        "DECORATED_BY",
        "cst_decorators",
        "{def_id}",
        "{def_id}/decorator:{pos:d}",
        rule="decorator",
        origin="resolve",
    ),
    _resolved("INHERITS", "resolved_bases", "{src}", "{dst}", rule="base", span=None, given=("dst",)),
    _resolved(
        "INHERITS",
        "resolved_bases",
        "{src}",
        _EXTERNAL,
        rule="external_base",
        span=None,
        given=("name",),
        where=_OUTSIDE,
    ),
    _resolved("OVERRIDES", "resolved_overrides", "{src}", "{dst}", rule="method_order", span=None, given=("dst",)),
    _resolved(
        "INFERRED_TYPE",
        "inferred_types",
        "{src}",
        "{type_id}",
        rule="instance",
        confidence=0.9,
        span=None,
        given=("type_id",),
    ),
    _resolved(
        "BINDING_RESOLVES_TO",
        "bound_elsewhere",
        "{src}",
        "{dst}",
        rule="imported_name",
        span=None,
        given=("dst",),
    ),
    _resolved(
        "BINDING_RESOLVES_TO",
        "bound_elsewhere",
        "{src}",
        _EXTERNAL,
        rule="external_name",
        span=None,
        given=("name",),
        where=_OUTSIDE,
    ),
    _resolved("FLOWS_TO", "flows", "{src_node_id}", "{dst_node_id}", rule="copy", confidence=0.9, span=None),
)
