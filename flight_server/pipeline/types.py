"""Types of the whole repo, and facts about classes: inferred types, base classes and overridden methods.

A type is identified by its qualified names, so the annotation ``Foo`` and an instance of the class ``Foo`` have the
same type.
"""

import pyarrow as pa
import pyarrow.compute as pc

from arrowdsl.compute.expr import Literal, col
from arrowdsl.plan.nodes import Aggregate, Plan, Scope, Union
from flight_server.pipeline.families import edges, nodes, props, template
from flight_server.pipeline.relational import FILE, join, kernel, output, relation, resolved
from flight_server.pipeline.type_names import NONE, definition_names

NODES = nodes("TYPE types_norm {type_id} scope=repo name=type_repr")
EDGES = edges(
    """
    INFERRED_TYPE  instance       inferred_types            {src} > {type_id?}  confidence=0.9 site=instance
    INHERITS       base           resolved_bases            {src} > {dst?}
    INHERITS       external_base  resolved_bases[dst=null]  {src} > @external
    OVERRIDES      method_order   resolved_overrides        {src} > {dst?}
""",
    origin="resolve",
    method="points_to",
    span="none",
)
PROPS = props("types_norm {type_id} name=type_repr form=type_form origin", Scope.REPO)
_BRACKETS = r"\[[^\[\]]*\]|\([^()]*\)"
_STRING = r"""["'][^"']*["']"""
_UNION = r"\||^(?:typing|typing_extensions)\.(?:Optional|Union)$"


@relation("types")
def part_types(type_exprs_norm: Plan) -> Plan:
    """The distinct types of one part's annotations.

    type_id.
    """
    return type_exprs_norm.where(col("type_id").is_not_null()).distinct("type_id")


@relation("resolve", Scope.REPO)
def class_types(resolution: Plan, repo_modules: Plan) -> Plan:
    """The types of the objects that points-to finds.

    type_id.
    """
    found = resolution.where(col("relation").eq("type")).distinct("dst", "name")
    return _with_type_ids(found, repo_modules).distinct("type_id")


@output("types", Scope.REPO)
def types_norm(part_types: Plan, class_types: Plan) -> Plan:
    """The types of annotations and of objects, each once, sorted by type_id."""
    spelled = part_types.select("type_id", origin=Literal("annotation"))
    found = class_types.select("type_id", origin=Literal("points_to"))
    each = Aggregate(Union((spelled, found)), ("type_id",), (("origin", "min", "origin"),)).order_by("type_id")
    return kernel("type_form", _with_form, (each, "type_id origin"), version=3)


@relation("resolve")
def inferred_types(resolution: Plan, repo_files: Plan, cst_params: Plan, cst_defs: Plan, repo_modules: Plan) -> Plan:
    """The classes of the objects that parameters may hold and functions may return.

    file_id, path, src (definition or parameter), type_id.
    """
    typed = _with_type_ids(resolved(resolution, repo_files, "type", "src dst name"), repo_modules)
    parameters = cst_params.where(col("place").is_not_null()).select("place", node_id=col("param_id"))
    results = cst_defs.select(place=template("ret:{def_id}"), node_id=col("def_id"))
    places = (parameters, results)
    found = (join(typed, each, "src=place", keep=f"{FILE} type_id", take="node_id") for each in places)
    columns = (*FILE.split(), "type_id")
    return Union(tuple(each.select(*columns, src=col("node_id")) for each in found)).distinct(*columns, "src")


@relation("resolve")
def resolved_bases(resolution: Plan, repo_files: Plan) -> Plan:
    """The direct base classes of classes, in the repo or outside.

    file_id, path, src, dst, name.
    """
    return resolved(resolution, repo_files, "base", "src dst name").distinct(*FILE.split(), "src", "dst", "name")


@relation("resolve")
def resolved_overrides(resolution: Plan, repo_files: Plan) -> Plan:
    """The methods that override others.

    file_id, path, src, dst.
    """
    return resolved(resolution, repo_files, "override", "src dst").distinct(*FILE.split(), "src", "dst")


def _with_type_ids(found: Plan, repo_modules: Plan) -> Plan:
    """The rows with type_id, from the qualified name of the repo's class ``dst`` or else from the external ``name``."""
    files = (repo_modules, "file_id path module")
    return kernel("type_ids", _identified, (found, "dst name"), files, version=2, adds_columns=True)


def _identified(found: pa.Table, files: pa.Table) -> pa.Table:
    qname = definition_names(found.column("dst"), files)
    ids = pc.binary_join_element_wise("type:", pc.coalesce(qname, found.column("name")), "")
    return found.append_column("type_id", ids)


def _with_form(types: pa.Table) -> pa.Table:
    """type_id, type_repr, origin, type_form: none, union, subscript, name or other, by the outermost constructor."""
    spelled = pc.utf8_slice_codeunits(types.column("type_id"), len("type:"))
    outer, before = pc.replace_substring_regex(spelled, _STRING, ""), None
    while not outer.equals(before):
        before, outer = outer, pc.replace_substring_regex(outer, _BRACKETS, "")
    cases = {
        "none": pc.equal(spelled, NONE),
        "union": pc.match_substring_regex(outer, _UNION),
        "subscript": pc.match_substring_regex(spelled, r"^[^\s\[\]()|,]+\[.*\]$"),
        "name": pc.match_substring_regex(spelled, r"^[^\s\[\]()|,]+$"),
    }
    conditions = pa.StructArray.from_arrays([case.combine_chunks() for case in cases.values()], names=list(cases))
    form = pc.case_when(conditions, *map(pa.scalar, cases), pa.scalar("other"))
    columns = {
        "type_id": types.column("type_id"),
        "type_repr": spelled,
        "type_form": form,
        "origin": types.column("origin"),
    }
    return pa.table(columns)
