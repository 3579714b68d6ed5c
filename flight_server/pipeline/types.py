"""Types as annotations spell them and as points-to finds them, and the classes that inherit from and override others.

A string annotation stands for the expression in it, and white space makes no difference.
"""

import pyarrow as pa
import pyarrow.compute as pc

from arrowdsl.compute.expr import Expr, Literal, coalesce, col, concat
from arrowdsl.plan.nodes import Aggregate, Plan, Scope, Union
from flight_server.pipeline.families import edges, nodes, props, template
from flight_server.pipeline.relational import FILE, PLACE, join, kernel, output, relation, resolved

NODES = nodes("""
    TYPE_EXPR  cst_type_exprs  {type_expr_id}
    TYPE       types_norm      {type_id}       scope=repo
""")
EDGES = (
    *edges(
        """
    HAS_ANNOTATION  annotated_parameter  annotated_params                     {param_id} > {type_expr_id}
    HAS_ANNOTATION  annotated_return     cst_type_exprs[expr_role=return]     {owner_def_id?} > {type_expr_id}
    HAS_ANNOTATION  annotated_variable   cst_type_exprs[expr_role=variable]   {owner_def_id?} > {type_expr_id}
""",
        origin="annotation",
    ),
    *edges(
        """
    INFERRED_TYPE  annotation  annotated_params                   {param_id} > {type_id?}
    INFERRED_TYPE  annotation  type_exprs_norm[expr_role=return]  {owner_def_id?} > {type_id?}
""",
        origin="annotation",
        method="annotation",
        confidence="0.9",
    ),
    *edges(
        """
    INFERRED_TYPE  instance       inferred_types            {src} > {type_id?}  confidence=0.9
    INHERITS       base           resolved_bases            {src} > {dst?}
    INHERITS       external_base  resolved_bases[dst=null]  {src} > @external
    OVERRIDES      method_order   resolved_overrides        {src} > {dst?}
""",
        origin="resolve",
        method="points_to",
        span="none",
    ),
)
PROPS = (
    *props("type_exprs_norm {type_expr_id} type=type_repr role=expr_role"),
    *props("types_norm {type_id} name=type_repr form=type_form origin", Scope.REPO),
)
_QUOTED = r"""(?s)^[rRuU]?(?:"([^"\\]*)"|'([^'\\]*)')$"""
_FORMS = (  # the first that fits is the form
    ("none", r"^None$"),
    ("union", r"\||^(?:[\w.]+\.)?(?:Optional|Union)\["),
    ("subscript", r"^[\w.]+\["),
    ("name", r"^\w+$"),
    ("attribute", r"^[\w.]+$"),
)


@output("types")
def type_exprs_norm(cst_type_exprs: Plan) -> Plan:
    """The annotations, each with its type."""
    exprs = (cst_type_exprs, "path expr_text")
    passes = "file_id path type_expr_id"
    return kernel("type_exprs_norm", _normalized, exprs, passes=passes, group_by="path", adds_columns=True)


@relation("types")
def annotated_params(cst_params: Plan, type_exprs_norm: Plan) -> Plan:
    """The parameters with annotations, and their types.

    file_id, path, bstart, bend, param_id, type_expr_id, type_id.
    """
    return join(cst_params, type_exprs_norm, "type_expr_id", keep=f"{PLACE} param_id type_expr_id", take="type_id")


@relation("types")
def part_types(type_exprs_norm: Plan) -> Plan:
    """The distinct types that one part's annotations spell.

    type_repr.
    """
    return type_exprs_norm.where(col("type_repr").ne("")).distinct("type_repr")


@relation("resolve", Scope.REPO)
def class_types(resolution: Plan) -> Plan:
    """The types of the objects that points-to found; a class of the repo is shown by its qualified name.

    type_id, type_repr.
    """
    found = resolution.where(col("relation").eq("type")).distinct("dst", "name")
    names = resolution.where(col("relation").eq("definition")).select("src", qname=col("name"))
    named = join(found, names, "dst=src", keep="dst name", take="qname", kind="left outer")
    return named.select(type_id=_type_id(), type_repr=coalesce(col("qname"), col("name")))


@output("types", Scope.REPO)
def types_norm(part_types: Plan, class_types: Plan) -> Plan:
    """The types that annotations spell and that objects have, each once, sorted by type_id."""
    spelled = part_types.distinct("type_repr").select(
        "type_repr", type_id=template("type:{type_repr}"), origin=Literal("annotation")
    )
    found = class_types.select("type_repr", "type_id", origin=Literal("points_to"))
    least = (("type_repr", "min", "type_repr"), ("origin", "min", "origin"))
    each = Aggregate(Union((spelled, found)), ("type_id",), least).order_by("type_id")
    formed = kernel("type_form", _with_form, (each, "type_repr"), version=2, adds_columns=True)
    return formed.select("type_id", "type_repr", "type_form", "origin")


@relation("resolve")
def inferred_types(resolution: Plan, repo_files: Plan, cst_params: Plan, cst_defs: Plan) -> Plan:
    """The classes of the objects that parameters may hold and functions may return.

    file_id, path, src (definition or parameter), type_id.
    """
    typed = resolved(resolution, repo_files, "type", "src dst name").select(*FILE.split(), "src", type_id=_type_id())
    parameters = cst_params.where(col("place").is_not_null()).select("place", node_id=col("param_id"))
    results = cst_defs.select(place=template("ret:{def_id}"), node_id=col("def_id"))
    places = (parameters, results)
    found = (join(typed, each, "src=place", keep=f"{FILE} type_id", take="node_id") for each in places)
    columns = (*FILE.split(), "type_id")
    return Union(tuple(each.select(*columns, src=col("node_id")) for each in found)).distinct(*columns, "src")


@relation("resolve")
def resolved_bases(resolution: Plan, repo_files: Plan) -> Plan:
    """The direct bases of classes, in the repo or outside.

    file_id, path, src, dst, name.
    """
    return resolved(resolution, repo_files, "base", "src dst name").distinct(*FILE.split(), "src", "dst", "name")


@relation("resolve")
def resolved_overrides(resolution: Plan, repo_files: Plan) -> Plan:
    """The methods that override others.

    file_id, path, src, dst.
    """
    return resolved(resolution, repo_files, "override", "src dst").distinct(*FILE.split(), "src", "dst")


def _type_id() -> Expr:
    """The id of a type by its class in the repo (``dst``) or, outside, by its name."""
    return concat("type:", coalesce(col("dst"), col("name")))


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
