"""Types as annotations spell them: each spelling brought into one form, and each form once for the repo.

A string annotation stands for the expression in it, and white space makes no difference.
"""

import pyarrow as pa
import pyarrow.compute as pc

from arrowdsl.compute.expr import Call, Column, Literal
from arrowdsl.plan.nodes import Aggregate, Join, Kernel, KernelFunction, Plan, Union

_QUOTED = r"""(?s)^[rRuU]?(?:"([^"\\]*)"|'([^'\\]*)')$"""
_FORMS = (  # the first that fits is the form
    ("none", r"^None$"),
    ("union", r"\||^(?:[\w.]+\.)?(?:Optional|Union)\["),
    ("subscript", r"^[\w.]+\["),
    ("name", r"^\w+$"),
    ("attribute", r"^[\w.]+$"),
)


def type_exprs_norm(cst_type_exprs: Plan) -> Plan:
    """The type expressions with type_repr, the spelling in one form, and type_id, its type's."""
    function = KernelFunction(
        name="type_exprs_norm",
        version=1,
        apply=_normalized,
        needs=("path", "expr_text"),
        passes=frozenset({"file_id", "path", "type_expr_id"}),
        group_by="path",
    )
    return Kernel(cst_type_exprs, function)


def annotated_params(cst_params: Plan, type_exprs_norm: Plan) -> Plan:
    """file_id, path, span, param_id, type_expr_id, type_id: the parameters that have an annotation."""
    kept = ("file_id", "path", "bstart", "bend", "param_id", "type_expr_id")
    types = type_exprs_norm.select("type_expr_id", "type_id")
    on = ("type_expr_id",)
    return Join(cst_params.select(*kept), types, "inner", on, on, kept, ("type_id",))


def part_types(type_exprs_norm: Plan) -> Plan:
    """type_repr: the distinct types of one part's annotations."""
    return type_exprs_norm.where(Call("<>", (Column("type_repr"), Literal("")))).distinct("type_repr")


def types_norm(part_types: Plan, class_types: Plan) -> Plan:
    """type_id, type_repr, type_form (none, union, subscript, name, attribute, other), origin: sorted by type_id.

    ``class_types`` (type_id, type_repr) are those of objects: one that annotations spell in the same way is theirs.
    """
    spelled = part_types.distinct("type_repr").select(
        type_id=Call("concat", (Literal("type:"), Column("type_repr"))),
        type_repr=Column("type_repr"),
        origin=Literal("annotation"),
    )
    found = class_types.select("type_id", "type_repr", origin=Literal("points_to"))
    each = Aggregate(
        Union((spelled, found)), ("type_id",), (("type_repr", "min", "type_repr"), ("origin", "min", "origin"))
    )
    function = KernelFunction(name="type_form", version=2, apply=_with_form, needs=("type_repr",))
    return Kernel(each.order_by("type_id"), function).select("type_id", "type_repr", "type_form", "origin")


def _normalized(exprs: pa.Table) -> pa.Table:
    text = pc.utf8_trim_whitespace(exprs.column("expr_text"))
    unquoted = pc.replace_substring_regex(text, _QUOTED, r"\1\2")
    spelled = pc.utf8_trim_whitespace(pc.replace_substring_regex(unquoted, r"\s+", " "))
    ids = pc.binary_join_element_wise("type:", spelled, "")
    return exprs.append_column("type_repr", spelled).append_column("type_id", ids)


def _with_form(types: pa.Table) -> pa.Table:
    spelled = types.column("type_repr")
    fits = [pc.match_substring_regex(spelled, pattern) for _, pattern in _FORMS]
    names = [pa.scalar(name) for name, _ in _FORMS]
    cases = pa.StructArray.from_arrays([each.combine_chunks() for each in fits], names=[name for name, _ in _FORMS])
    form = pc.case_when(cases, *names, pa.scalar("other"))
    return types.append_column("type_form", pa.chunked_array([form.cast(pa.string())]))
