"""Random plans over two small tables, and their catalog."""

from functools import partial

import pyarrow as pa
import pyarrow.compute as pc
from hypothesis import strategies as st

from arrowdsl.compute.expr import Call, Column, Literal, Values, conjunction
from arrowdsl.plan.nodes import Aggregate, Explode, Join, Kernel, KernelFunction, Ref, Scan, Scope, Union, walk
from arrowdsl.plan.source import PlanCatalog, PlanSource

TAG = pa.struct([("name", pa.string()), ("source", pa.string())])
CALLS = pa.schema(
    [
        pa.field("id", pa.int64(), nullable=False),
        ("kind", pa.string()),
        ("score", pa.float32()),
        ("tags", pa.list_(TAG)),
    ],
    metadata={"contract": "calls"},
)
KINDS = pa.schema([("kind", pa.string()), ("rank", pa.int64())])
_words = st.sampled_from(["a", "b", "c", ""]) | st.none()


@st.composite
def catalogs(draw):
    """Tables ``calls`` and ``kinds``, and the output ``ranked`` over a catalog of its own."""
    rows = st.fixed_dictionaries(
        {
            "id": st.integers(0, 5),
            "kind": _words,
            "score": st.sampled_from([0.5, 0.9, None]),
            "tags": st.none() | st.lists(st.fixed_dictionaries({"name": _words, "source": _words}), max_size=3),
        }
    )
    calls = pa.Table.from_pylist(draw(st.lists(rows, max_size=8)), CALLS)
    cut = draw(st.integers(0, calls.num_rows))
    pairs = st.fixed_dictionaries({"kind": _words, "rank": st.integers(0, 3) | st.none()})
    kinds = pa.Table.from_pylist(draw(st.lists(pairs, max_size=4)), KINDS)
    tables = PlanCatalog({"calls": pa.concat_tables([calls.slice(0, cut), calls.slice(cut)]), "kinds": kinds})
    return PlanCatalog(tables.sources, {"ranked": PlanSource(Scan("kinds").order_by("rank"), tables)})


@st.composite
def plans(draw, depth=3):
    """A plan, and the kind of each of its columns: int, str, float or list."""
    if depth == 0:
        return draw(st.sampled_from([_CALLS, _KINDS, _RANKED]))
    plan, columns = draw(plans(depth - 1))
    return draw(st.sampled_from(_STEPS).flatmap(lambda step: step(plan, columns, depth)))


def in_order(plan):
    """Whether the plan promises the order of its rows."""
    return not any(isinstance(node, Join | Aggregate) for node in walk(plan))


_CALLS = (Scan("calls"), {"id": "int", "kind": "str", "score": "float", "tags": "list"})
_KINDS = (Scan("kinds"), {"kind": "str", "rank": "int"})
_RANKED = (Ref("ranked", Scope.REPO), _KINDS[1])
_CONSTANTS = {
    "int": st.integers(0, 5).map(Literal),
    "str": st.sampled_from([Literal("a"), Literal("b"), Literal(None, pa.string())]),
    "float": st.sampled_from([Literal(0.9, pa.float32()), Literal(0.5, pa.float32()), Literal(None, pa.float32())]),
}


def _scalars(columns):
    return [name for name, kind in columns.items() if kind != "list"]


def _terms(columns):
    """Comparisons of a column with a constant, also ones that are constant themselves."""
    names = _scalars(columns)
    fixed = st.sampled_from([Literal(value=True), Literal(value=False), Call("=", (Literal(1), Literal(2)))])
    if not names:
        return fixed
    bare = {"int": Literal(3), "str": Literal("a"), "float": Literal(0.9)}
    chosen = st.sampled_from(names)
    compare = st.builds(
        lambda name, op: Call(op, (Column(name), bare[columns[name]])), chosen, st.sampled_from(["=", "<>", "<", ">="])
    )
    null = chosen.map(lambda name: Call("isNull", (Column(name),)))
    words = [name for name in names if columns[name] == "str"]
    among = st.sampled_from(words or names).map(
        lambda name: Call("in", (Column(name), Values(("a", "c") if columns[name] == "str" else (1, 3))))
    )
    some = st.one_of(compare, compare, null, among, fixed)
    return st.one_of(some, some.map(lambda term: Call("not", (term,))), st.tuples(some, some).map(partial(Call, "or")))


@st.composite
def _filtered(draw, plan, columns, _):
    return plan.where(conjunction(draw(st.lists(_terms(columns), min_size=1, max_size=3)))), columns


@st.composite
def _projected(draw, plan, columns, _):
    names = draw(
        st.permutations(list(columns)).flatmap(lambda order: st.integers(0, len(order)).map(lambda n: order[:n]))
    )
    made = draw(st.dictionaries(st.sampled_from(["x", "y"]), st.sampled_from(list(_CONSTANTS)), max_size=2))
    chosen = {name: columns[name] for name in names if name not in made}
    values = {name: draw(_CONSTANTS[kind]) for name, kind in made.items()}
    return plan.select(*chosen, **values), chosen | made


@st.composite
def _sorted(draw, plan, columns, _):
    names = _scalars(columns)
    if not names:
        return plan, columns
    keys = draw(st.lists(st.sampled_from(names), min_size=1, max_size=2, unique=True))
    ways = [draw(st.sampled_from(["ascending", "descending"])) for _ in keys]
    return plan.order_by(*zip(keys, ways, strict=True)), columns


@st.composite
def _distinct(draw, plan, columns, _):
    names = _scalars(columns)
    if not names:
        return plan, columns
    keys = draw(st.lists(st.sampled_from(names), min_size=1, max_size=2, unique=True))
    return plan.distinct(*keys), {name: columns[name] for name in keys}


def _exploded(plan, columns, _):
    if "tags" not in columns or {"name", "source"} & columns.keys():
        return st.just((plan, columns))
    rest = {name: kind for name, kind in columns.items() if name != "tags"}
    return st.just(
        (Explode(plan, "tags", (("name", "name"), ("source", "source"))), rest | {"name": "str", "source": "str"})
    )


@st.composite
def _united(draw, plan, columns, depth):
    """The plan and another that has its columns, or only some of both."""
    other, others = draw(plans(depth - 1))
    shared = [name for name, kind in columns.items() if others.get(name) == kind]
    if not shared:
        return Union((plan, plan)), columns
    return Union((plan.select(*shared), other.select(*shared))), {name: columns[name] for name in shared}


@st.composite
def _joined(draw, plan, columns, _):
    if columns.get("kind") != "str":
        return plan, columns
    left = _scalars(columns)
    kind = draw(st.sampled_from(["left outer", "inner", "left semi", "left anti"]))
    right = () if kind in {"left semi", "left anti"} else ("kind", "rank")
    suffixed = {f"{name}_r" if name in left else name: {"kind": "str", "rank": "int"}[name] for name in right}
    if suffixed.keys() & set(left):
        return plan, columns
    join = Join(plan.select(*left), Scan("kinds"), kind, ("kind",), ("kind",), tuple(left), right, "_r")
    return join, {name: columns[name] for name in left} | suffixed


def _kernel(plan, columns, _):
    """A kernel over runs of whatever column comes first, which it passes on."""
    names = _scalars(columns)
    if not names:
        return st.just((plan, columns))
    function = KernelFunction("known", 1, partial(_known, column=names[0]), (names[0],), frozenset({names[0]}))
    return st.just((Kernel(plan, function), columns))


def _known(table, column):
    return table.filter(pc.is_valid(table.column(column)))


_STEPS = [_filtered, _filtered, _projected, _sorted, _distinct, _exploded, _united, _joined, _kernel]


def rows_of(table):
    """Rows as comparable values, whatever their types and nulls."""
    columns = [column.to_pylist() for column in table.columns]
    return [repr(row) for row in zip(*columns, strict=True)] if columns else ["()"] * table.num_rows
