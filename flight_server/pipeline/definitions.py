"""Definitions with their parameters, decorators and imports, and the facts computed from them."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from arrowdsl.plan.nodes import Plan
from flight_server.kernels.arrays import Ints, rows_of
from flight_server.pipeline.families import edges, nodes, props
from flight_server.pipeline.relational import join, kernel, relation

NODES = nodes("""
    CST_DEF           cst_defs        {def_id}     span=def name=name qname=qname
    CST_PARAM         cst_params      {param_id}   name=name
    CST_DECORATOR     cst_decorators  @decorator   name=known
    CST_IMPORT_ALIAS  cst_imports     {import_id}  span=alias name=name
""")
EDGES = edges(
    """
    FILE_CONTAINS  top_definition     cst_defs[container_def_id=null]  {file_id} > {def_id}  span=def origin=pipeline
    CONTAINS       nested_definition  cst_defs        {container_def_id?} > {def_id}  span=def
    CONTAINS       parameter          cst_params      {def_id} > {param_id}
    CONTAINS       import             owned_imports   {def_id} > {import_id}  span=alias
    AT_AST         ast_definition     cst_defs        {def_id} > @ast         span=def within=ast_nodes:file_id,ast_idx
    DECORATED_BY   decorator          cst_decorators  {def_id} > @decorator   origin=resolve
""",
    origin="cst",
)
PROPS = props("""
    cst_defs          {def_id}     name qname kind docstring is_generator
    definition_facts  {def_id}     loc complexity param_count call_count signature
    cst_params        {param_id}   name kind position=pos
    cst_decorators    @decorator   position=pos known
    cst_imports       {import_id}  name kind module asname relative_level is_star
""")
_CALLABLE = ("function", "async_function", "lambda")


@relation("cst")
def owned_imports(cst_imports: Plan, cst_defs: Plan) -> Plan:
    """The imports with the definitions whose code runs them.

    file_id, path, alias_bstart, alias_bend, import_id, def_id.
    """
    return join(cst_imports, cst_defs, "scope_id", keep="file_id path alias_bstart alias_bend import_id", take="def_id")


@relation("cst")
def definition_facts(
    cst_defs: Plan, cst_params: Plan, cst_callsites: Plan, cfg_points: Plan, cfg_flow: Plan, ast_nodes: Plan
) -> Plan:
    """The size, complexity and signature of each definition.

    def_id, loc, complexity, param_count, call_count, signature. ``loc`` counts the lines from the first to the last.
    ``complexity`` is one more than the number of branching points in the definition's own code: conditions (each
    operand of ``and`` and ``or``), loops and handlers. ``signature`` is the name with the parameters' names, for
    callables only. A fact is null if its layer has no rows.
    """
    return kernel(
        "definition_facts",
        _facts,
        (cst_defs, "file_id path def_id ast_idx name kind"),
        (cst_params, "def_id pos name kind"),
        (cst_callsites, "owner_def_id"),
        (cfg_points, "point_id owner_def_id"),
        (cfg_flow, "src kind"),
        (ast_nodes, "file_id ast_idx lineno end_lineno"),
    )


def _facts(
    defs: pa.Table, params: pa.Table, calls: pa.Table, points: pa.Table, flow: pa.Table, nodes: pa.Table
) -> pa.Table:
    ids = defs.column("def_id")
    size = defs.num_rows
    param_owner = rows_of(params.column("def_id"), ids)
    is_callable = np.asarray(pc.is_in(defs.column("kind"), pa.array(_CALLABLE)))
    counts = {
        "param_count": (_counted(param_owner, size), is_callable),
        "call_count": (_counted(rows_of(calls.column("owner_def_id"), ids), size), np.ones(size, dtype=bool)),
        "complexity": (1 + _decisions(ids, points, flow), np.full(size, points.num_rows > 0)),
    }
    columns = {name: pa.array(values, mask=~known) for name, (values, known) in counts.items()}
    return pa.table(
        {"def_id": ids, "loc": _lines(defs, nodes), **columns, "signature": _signatures(defs, params, param_owner)}
    )


def _decisions(ids: pa.ChunkedArray, points: pa.Table, flow: pa.Table) -> Ints:
    """The number of each definition's points with an outgoing edge of kind "true"."""
    taken = flow.column("src").filter(pc.equal(flow.column("kind"), "true"))
    deciding = points.column("owner_def_id").filter(pc.is_in(points.column("point_id"), taken.combine_chunks()))
    return _counted(rows_of(deciding, ids), len(ids))


def _lines(defs: pa.Table, nodes: pa.Table) -> pa.ChunkedArray:
    """The number of lines of each definition's node in the syntax tree; null for a module, whose node has no lines."""
    node = rows_of(_keys(defs), _keys(nodes))
    at = pa.array(node, mask=node < 0)
    first, last = (nodes.column(name).take(at) for name in ("lineno", "end_lineno"))
    return pc.cast(pc.add(pc.subtract(last, first), 1), pa.int64())


def _signatures(defs: pa.Table, params: pa.Table, owner: Ints) -> pa.Array:
    """``name(a, /, b, *, c, **d)``: the parameters in order, with Python's marks for their kinds."""
    order = np.lexsort((np.asarray(pc.fill_null(params.column("pos"), 0)), owner))
    order = order[owner[order] >= 0]
    sorted_params, of = params.take(pa.array(order)), owner[order]
    kind = sorted_params.column("kind").to_numpy(zero_copy_only=False).astype(str)
    before = np.where(np.diff(of, prepend=-1) != 0, "", np.append("", kind[:-1])[: len(kind)])
    after = np.where(np.diff(of, append=-1) != 0, "", np.append(kind[1:], "")[: len(kind)])
    bare = (kind == "kwonly") & (before != "kwonly") & (before != "vararg")
    ends = (kind == "posonly") & (after != "posonly")
    mark = np.select([kind == "vararg", kind == "kwarg", bare], ["*", "**", "*, "], "")
    slash = np.where(ends, ", /", "")
    spelled = pc.binary_join_element_wise(
        pa.array(mark), sorted_params.column("name").combine_chunks(), pa.array(slash), ""
    )
    offsets = np.append(0, np.cumsum(_counted(of, defs.num_rows)))
    joined = pc.binary_join(pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), spelled), ", ")
    named = pc.binary_join_element_wise(defs.column("name").combine_chunks(), "(", joined, ")", "")
    return pc.if_else(pc.is_in(defs.column("kind").combine_chunks(), pa.array(_CALLABLE)), named, None)


def _keys(rows: pa.Table) -> pa.ChunkedArray:
    return pc.binary_join_element_wise(rows.column("file_id"), pc.cast(rows.column("ast_idx"), pa.string()), ":")


def _counted(owner: Ints, size: int) -> Ints:
    return np.bincount(owner[owner >= 0], minlength=size)
