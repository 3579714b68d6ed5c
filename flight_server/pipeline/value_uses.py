"""The flow of values inside expressions: from a variable or call to what is made of it.

In ``x = f(a + b.c)``, the variables ``a`` and ``b`` flow into the argument, and the call of ``f`` into ``x``. A call
whose code is unknown is made of its arguments and its receiver. Data flow between places is in ``data_flow``.
"""

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from arrowdsl.compute.expr import coalesce, col
from arrowdsl.plan.nodes import Plan, Union
from flight_server.kernels.arrays import Ints, codes, numbers
from flight_server.pipeline.families import edges, template
from flight_server.pipeline.relational import PLACE, join, kernel, relation

EDGES = edges(
    "FLOWS_TO use used_values {src_node_id} > {dst_node_id} confidence=0.7 site={bstart:d}",
    origin="resolve",
    method="dataflow",
)
# What becomes of a node's value, by its parent's class and the field: ``passes`` on to the parent, or where it ends.
_FATES: Mapping[str, str] = MappingProxyType(
    {
        f"{parent}.{field}": fate
        for fate, fields in {
            "passes": "BinOp.left BinOp.right BoolOp.values UnaryOp.operand IfExp.body IfExp.orelse JoinedStr.values"
            " FormattedValue.value Tuple.elts List.elts Set.elts Dict.keys Dict.values Starred.value Subscript.value"
            " Attribute.value Await.value keyword.value ListComp.elt SetComp.elt GeneratorExp.elt DictComp.key"
            " DictComp.value",
            "argument": "Call.args Call.keywords",
            "receiver": "Call.func",
            "value": "Assign.value AnnAssign.value AugAssign.value NamedExpr.value For.iter AsyncFor.iter"
            " comprehension.iter withitem.context_expr",
            "target": "Assign.targets AnnAssign.target AugAssign.target NamedExpr.target For.target AsyncFor.target"
            " comprehension.target withitem.optional_vars",
            "return": "Return.value",
        }.items()
        for parent, _, field in (name.partition(".") for name in fields.split())
    }
)
_NODE = "file_id path ast_idx parent_ast_idx field_name kind bstart bend"
_STEP = f"{PLACE} kind fate"
_ENDS = f"{PLACE} src_node_id dst_node_id"


@relation("resolve")
def value_steps(ast_nodes: Plan) -> Plan:
    """The names and calls whose values end somewhere.

    file_id, path, bstart, bend, kind (Name or Call), fate (a value of _FATES), end_idx, end_bstart, end_bend: the node
    of the argument, else the call or statement.
    """
    return kernel("value_steps", _steps, (ast_nodes, _NODE), passes="file_id path")


@relation("resolve")
def variable_uses(value_steps: Plan, binding_sites: Plan, binding_targets: Plan) -> Plan:
    """The steps of names, with the nodes of their variables.

    The columns of ``value_steps``, expr_ctx, node_id.
    """
    keep = f"{_STEP} end_idx end_bstart end_bend"
    named = join(value_steps, binding_sites, PLACE, keep=keep, take="symbol_row_id expr_ctx")
    outer = binding_targets.where(col("rule").ne("class_body_global"))
    keep = f"{keep} expr_ctx"
    bound = join(named, outer, "symbol_row_id", keep=f"{keep} symbol_row_id", take="target_id", kind="left outer")
    return bound.select(*keep.split(), node_id=coalesce(col("target_id"), col("symbol_row_id")))


@relation("resolve")
def opaque_calls(cst_callsites: Plan, resolved_calls: Plan) -> Plan:
    """The calls without a known callee in the repo.

    call_id.
    """
    known = resolved_calls.where(col("dst").is_not_null())
    return join(cst_callsites, known, "call_id=node_id", keep="call_id", kind="left anti")


@relation("resolve")
def used_values(value_steps: Plan, variable_uses: Plan, opaque_calls: Plan, arguments: Plan, returns: Plan) -> Plan:
    """The variables and calls with what is made of their values; arguments with the opaque call that they go into.

    file_id, path, bstart, bend (of the use), src_node_id, dst_node_id.
    """
    steps = f"{_STEP} end_idx end_bstart end_bend node_id".split()
    call = template("call:{file_id}:{bstart:d}-{bend:d}")
    of_calls = value_steps.where(col("kind").eq("Call")).select(*steps[:-1], node_id=call)
    read = variable_uses.where(col("expr_ctx").eq("LOAD"))
    uses = Union((read.select(*steps), of_calls))
    end = {name: col(name) for name in PLACE.split()} | {"src_node_id": col("node_id")}
    passed = uses.where(col("fate").eq("argument")).select(
        **end, dst_node_id=template("arg:{file_id}:{end_bstart:d}-{end_bend:d}")
    )
    received = uses.where(col("fate").eq("receiver")).select(
        **end, dst_node_id=template("call:{file_id}:{end_bstart:d}-{end_bend:d}")
    )
    into = arguments.select(*PLACE.split(), src_node_id=template("@arg"), dst_node_id=col("call_id"))
    opaque = join(Union((received, into)), opaque_calls, "dst_node_id=call_id", keep=_ENDS, kind="left semi")
    targets = variable_uses.where(col("fate").eq("target") & col("expr_ctx").eq("STORE"))
    assigned = _ending(uses.where(col("fate").eq("value")), targets, "file_id end_idx", "node_id")
    owners = returns.where(col("owner_def_id").is_not_null())
    returned = _ending(uses.where(col("fate").eq("return")), owners, "file_id end_idx=ast_idx", "owner_def_id")
    every = Union((passed, opaque, assigned, returned))
    return every.where(col("src_node_id").ne(col("dst_node_id"))).distinct(*_ENDS.split())


def _ending(uses: Plan, ends: Plan, on: str, node: str) -> Plan:
    """The uses with the nodes in which they end."""
    sources = uses.select(*PLACE.split(), "end_idx", src_node_id=col("node_id"))
    keys = [word.partition("=")[2] or word for word in on.split()]
    placed = ends.select(*keys, dst_node_id=col(node))
    return join(sources, placed, on, keep=f"{PLACE} src_node_id", take="dst_node_id")


def _steps(nodes: pa.Table) -> pa.Table:
    parent = _parent_rows(nodes)
    outer = nodes.column("kind").take(pa.array(np.maximum(parent, 0)))
    place = pc.binary_join_element_wise(outer, nodes.column("field_name"), ".")
    fates = list(dict.fromkeys(_FATES.values()))
    ends = pa.array([fates.index(fate) for fate in _FATES.values()])
    fate = numbers(ends.take(pc.index_in(place, pa.array(list(_FATES)))))
    is_attribute = np.asarray(pc.equal(nodes.column("kind"), "Attribute"))
    fate[(fate == fates.index("receiver")) & ~is_attribute] = -1
    passes = fate == fates.index("passes")
    top = np.where(passes, parent, np.arange(len(parent)))
    while passes[top].any():
        top = top[top]
    chosen = np.flatnonzero(np.asarray(pc.is_in(nodes.column("kind"), pa.array(["Name", "Call"]))) & (fate[top] > 0))
    top = top[chosen]
    end = np.where(fate[top] == fates.index("argument"), top, parent[top])
    found = nodes.select(["file_id", "path", "bstart", "bend", "kind"]).take(pa.array(chosen))
    found = found.append_column("fate", pa.array(fates, pa.string()).take(pa.array(fate[top])))
    for name, column in (("end_idx", "ast_idx"), ("end_bstart", "bstart"), ("end_bend", "bend")):
        found = found.append_column(name, nodes.column(column).take(pa.array(end)))
    return found


def _parent_rows(nodes: pa.Table) -> Ints:
    """The row of each node's parent; -1 for the root."""
    file = codes(nodes.column("file_id")) << 32
    keys = file + numbers(nodes.column("ast_idx"))
    order = np.argsort(keys)
    parent = numbers(nodes.column("parent_ast_idx"))
    rows: Ints = order[np.minimum(np.searchsorted(keys[order], file + parent), len(keys) - 1)] if len(keys) else keys
    return np.where(parent < 0, -1, rows)
