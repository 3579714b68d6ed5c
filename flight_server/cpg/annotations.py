"""Annotations and the types that they name."""

from functools import partial

from flight_server.cpg.families import EdgeFamily, NodeFamily

_by_annotation = partial(
    EdgeFamily, "INFERRED_TYPE", rule="annotation", origin="annotation", method="annotation", confidence=0.9
)

NODES = (NodeFamily("TYPE_EXPR", "cst_type_exprs", "{type_expr_id}"),)
REPO_NODES = (NodeFamily("TYPE", "types_norm", "{type_id}", span=None, in_file=False),)
EDGES = (
    EdgeFamily(
        "HAS_ANNOTATION",
        "annotated_params",
        "{param_id}",
        "{type_expr_id}",
        rule="annotated_parameter",
        origin="annotation",
    ),
    *(
        EdgeFamily(
            "HAS_ANNOTATION",
            "cst_type_exprs",
            "{owner_def_id}",
            "{type_expr_id}",
            rule=f"annotated_{role}",
            origin="annotation",
            only={"expr_role": role},
            given=("owner_def_id",),
        )
        for role in ("return", "variable")
    ),
    _by_annotation("annotated_params", "{param_id}", "{type_id}", given=("type_id",)),
    _by_annotation(
        "type_exprs_norm",
        "{owner_def_id}",
        "{type_id}",
        only={"expr_role": "return"},
        given=("owner_def_id", "type_id"),
    ),
)
