"""Facts about definitions that no table has: how large and how branched they are, and what they are called with."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from arrowdsl.plan.nodes import Kernel, KernelFunction, Plan
from flight_server.kernels.arrays import Ints, rows_of

_DEFS = ("file_id", "path", "def_id", "ast_idx", "name", "kind")
_PARAMS = ("def_id", "pos", "name", "kind")
_CALLS = ("owner_def_id",)
_POINTS = ("point_id", "owner_def_id")
_FLOW = ("src", "kind")
_NODES = ("file_id", "ast_idx", "lineno", "end_lineno")
_CALLABLE = ("function", "async_function", "lambda")


def definition_facts(
    cst_defs: Plan, cst_params: Plan, cst_callsites: Plan, cfg_points: Plan, cfg_flow: Plan, ast_nodes: Plan
) -> Plan:
    """def_id, loc, complexity, param_count, call_count, signature: a row for each definition.

    ``loc`` are the lines from the first to the last. ``complexity`` is one more than the number of points in its own
    code that decide: conditions (each operand of ``and`` and ``or``), loops and handlers. ``signature`` is the name
    with the parameters' names, for what can be called. Null where the layer that tells has no rows.
    """
    sides = (
        (cst_params, _PARAMS),
        (cst_callsites, _CALLS),
        (cfg_points, _POINTS),
        (cfg_flow, _FLOW),
        (ast_nodes, _NODES),
    )
    function = KernelFunction(
        name="definition_facts",
        version=1,
        apply=_facts,
        needs=_DEFS,
        replaces_columns=True,
        side_needs=tuple(columns for _, columns in sides),
    )
    return Kernel(cst_defs.select(*_DEFS), function, tuple(plan.select(*columns) for plan, columns in sides))


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
    """How many points of each definition have an edge for a condition that holds."""
    taken = flow.column("src").filter(pc.equal(flow.column("kind"), "true"))
    deciding = points.column("owner_def_id").filter(pc.is_in(points.column("point_id"), taken.combine_chunks()))
    return _counted(rows_of(deciding, ids), len(ids))


def _lines(defs: pa.Table, nodes: pa.Table) -> pa.ChunkedArray:
    """Lines by the syntax tree, in which a module's own node has none: its last line is that of its last node."""
    node = rows_of(_keys(defs), _keys(nodes))
    at = pa.array(node, mask=node < 0)
    first, last = (nodes.column(name).take(at) for name in ("lineno", "end_lineno"))
    return pc.cast(pc.add(pc.subtract(last, first), 1), pa.int64())


def _signatures(defs: pa.Table, params: pa.Table, owner: Ints) -> pa.Array:
    """``name(a, /, b, *, c, **d)``: the parameters in order, with the marks that Python has for their kinds."""
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
