from dataclasses import dataclass, field

import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from random_plans import catalogs, in_order, plans, rows_of

from arrowdsl.compute.expr import Call, Column, Literal, Values, conjunction
from arrowdsl.plan.nodes import Aggregate, Join, Kernel, KernelFunction, Ref, Scan, Scope, Union, describe
from arrowdsl.plan.optimize import drop_empty, optimize, prune_columns, push_filters
from arrowdsl.plan.runner import run_plan
from arrowdsl.plan.schemas import schema_of
from arrowdsl.plan.source import DatasetSource, PlanCatalog, PlanSource

ORDERS = pa.schema(
    [
        ("id", pa.int64()),
        ("city", pa.string()),
        ("price", pa.float32()),
        ("items", pa.list_(pa.struct([("name", pa.string()), ("n", pa.int64())]))),
    ]
)
CITIES = pa.schema([("city", pa.string()), ("country", pa.string()), ("id", pa.int64())])
TABLES = PlanCatalog({"orders": ORDERS.empty_table(), "cities": CITIES.empty_table()})
CATALOG = PlanCatalog(TABLES.sources, {"all cities": PlanSource(Scan("cities"), TABLES)})

orders, cities = Scan("orders"), Scan("cities")
dear = Call(">", (Column("price"), Literal(5)))
here = Call("=", (Column("city"), Literal("Bonn")))
never = Call("=", (Literal("a"), Literal("b")))
keep = KernelFunction("keep", 1, lambda table: table, needs=("id",), passes=frozenset({"city"}))
grow = KernelFunction(
    "grow", 1, lambda table: table.append_column("age", table["id"]), ("id",), adds=frozenset({"age"})
)
count = KernelFunction(
    "count",
    1,
    lambda table: pa.table({"n": [table.num_rows]}),
    ("id",),
    replaces_columns=True,
)


def joined(kind="inner", **options):
    sides = {"left_output": ("id", "city", "price"), "right_output": ("country", "id"), "right_suffix": "_city"}
    return Join(orders.select("id", "city", "price"), cities, kind, ("city",), ("city",), **(sides | options))


def golden(text):
    lines = text.strip("\n").split("\n")
    indent = len(lines[0]) - len(lines[0].lstrip())
    return "\n".join(line[indent:] for line in lines).rstrip()


@pytest.mark.parametrize(
    ("plan", "expected"),
    [
        (
            orders.where(dear).where(here),
            """
            scan orders where price > 5 and city = 'Bonn'
            """,
        ),
        (
            orders.select("city", cost=Column("price")).where(Call(">", (Column("cost"), Literal(5)))),
            """
            project city, cost = price
              scan orders where price > 5
            """,
        ),
        (
            Union((orders, orders.where(here))).where(dear),
            """
            union
              scan orders where price > 5
              scan orders where city = 'Bonn' and price > 5
            """,
        ),
        (
            orders.order_by("id").where(dear),
            """
            sort id
              scan orders where price > 5
            """,
        ),
        (
            orders.explode("items", item="name").where(conjunction([here, Call("=", (Column("item"), Literal("x")))])),
            """
            filter item = 'x'
              explode items into item
                scan orders where city = 'Bonn'
            """,
        ),
        (
            Aggregate(orders, ("city",), (("price", "sum", "price"),)).where(conjunction([here, dear])),
            """
            filter price > 5
              aggregate city, price = sum(price)
                scan orders where city = 'Bonn'
            """,
        ),
        (
            Aggregate(orders, (), (("price", "sum", "total"),)).where(Call("in", (Literal(1), Values((2,))))),
            """
            filter False
              aggregate total = sum(price)
                scan orders
            """,
        ),
        (
            Kernel(orders, keep).where(conjunction([here, dear])),
            """
            filter price > 5
              kernel keep v1
                scan orders where city = 'Bonn'
            """,
        ),
        (
            joined("left outer").where(conjunction([dear, Call("=", (Column("country"), Literal("DE")))])),
            """
            filter country = 'DE'
              left outer join on city = city
                project id, city, price
                  scan orders where price > 5
                scan cities
            """,
        ),
        (
            Ref("all cities", Scope.REPO).where(here),
            """
            filter city = 'Bonn'
              output all cities, evaluated by repo
            """,
        ),
        (
            orders.where(Call("=", (Literal("a"), Literal("a")))),
            """
            scan orders
            """,
        ),
    ],
)
def test_filters_go_down_to_the_scans(plan, expected):
    assert describe(push_filters(plan, CATALOG)) == golden(expected)


@pytest.mark.parametrize(
    ("plan", "expected"),
    [
        (orders.where(never), "nothing"),
        (orders.select(kind=Literal("READ")).where(Call("=", (Column("kind"), Literal("CALL")))), "nothing"),
        (orders.select(score=Literal(0.4, pa.float32())).where(Call(">=", (Column("score"), Literal(0.9)))), "nothing"),
        (
            orders.select(score=Literal(None, pa.float32())).where(Call(">=", (Column("score"), Literal(0.9)))),
            "nothing",
        ),
        (orders.where(never).explode("items", item="name"), "nothing"),
        (orders.where(never).distinct("city").order_by("city"), "nothing"),
        (
            Union((orders.select(kind=Literal("READ")), orders.select(kind=Literal("CALL")))).where(
                Call("in", (Column("kind"), Values(("CALL", "DEF"))))
            ),
            """
            project kind = 'CALL'
              scan orders
            """,
        ),
        (Union((orders.where(never), orders.where(never))), "nothing"),
        (
            Aggregate(orders.where(never), (), (("price", "sum", "total"),)),
            """
            aggregate total = sum(price)
              nothing
            """,
        ),
        (Kernel(orders.where(never), count), "nothing"),
    ],
)
def test_families_whose_filter_cannot_be_true_vanish(plan, expected):
    dropped = drop_empty(push_filters(plan, CATALOG), CATALOG)
    assert describe(dropped) == golden(expected)
    assert schema_of(dropped, CATALOG).names == schema_of(plan, CATALOG).names


@pytest.mark.parametrize(
    ("plan", "expected"),
    [
        (
            orders.select("id"),
            """
            project id
              scan orders [id]
            """,
        ),
        (
            orders.select("id", "city").where(here).select(k=Literal("K")),
            """
            project k = 'K'
              filter city = 'Bonn'
                project city
                  scan orders [city]
            """,
        ),
        (
            orders.select(k=Literal("K")),
            """
            project k = 'K'
              scan orders []
            """,
        ),
        (
            orders.order_by("price").select("id"),
            """
            project id
              sort price
                scan orders [id, price]
            """,
        ),
        (
            orders.explode("items", item="name").select("item"),
            """
            project item
              explode items into item
                scan orders [items]
            """,
        ),
        (
            joined().select("country", "price"),
            """
            project country, price
              inner join on city = city
                project id, city, price
                  scan orders [id, city, price]
                scan cities [city, country, id]
            """,
        ),
        (
            joined("left semi", left_output=("id", "price"), right_output=()).select("price"),
            """
            project price
              left semi join on city = city
                project city, price
                  scan orders [city, price]
                scan cities [city]
            """,
        ),
        (
            Kernel(orders, count).select("n"),
            """
            project n
              kernel count v1
                scan orders [id]
            """,
        ),
        (
            Kernel(orders, keep).select("price"),
            """
            project price
              kernel keep v1
                scan orders [id, price]
            """,
        ),
        (
            Kernel(orders, grow).select("price", "age"),
            """
            project price, age
              kernel grow v1
                scan orders [id, price]
            """,
        ),
        (
            Kernel(orders, grow).select("price"),
            """
            project price
              scan orders [price]
            """,
        ),
        (
            Union((Kernel(orders, keep), orders)).select("price"),
            """
            project price
              union
                project price
                  kernel keep v1
                    scan orders [id, price]
                scan orders [price]
            """,
        ),
        (
            Ref("all cities", Scope.REPO).select("country"),
            """
            project country
              output all cities [country], evaluated by repo
            """,
        ),
    ],
)
def test_scans_read_what_is_needed_above_them(plan, expected):
    assert describe(prune_columns(plan, CATALOG)) == golden(expected)


@given(st.data(), catalogs())
@settings(max_examples=250)
def test_optimized_plans_give_the_same_rows(data, catalog):
    plan, columns = data.draw(plans())
    expected, optimized = run_plan(plan, catalog), run_plan(optimize(plan, catalog), catalog)
    assert expected.column_names == optimized.column_names == list(columns)
    assert expected.schema.types == optimized.schema.types
    wanted, found = rows_of(expected), rows_of(optimized)
    assert found == wanted if in_order(plan) else sorted(found) == sorted(wanted)


@dataclass(frozen=True)
class Counting(PlanCatalog):
    """A catalog that notes which tables it was asked for."""

    asked: set[str] = field(default_factory=set)

    def source(self, table):
        self.asked.add(table)
        return super().source(table)


def test_nothing_is_read_of_a_family_that_a_filter_excludes():
    catalog = Counting(TABLES.sources)
    families = Union((orders.select("city", kind=Literal("ORDER")), cities.select("city", kind=Literal("CITY"))))
    plan = optimize(families.where(Call("=", (Column("kind"), Literal("CITY")))), catalog)
    catalog.asked.clear()
    run_plan(plan, catalog)
    assert catalog.asked == {"cities"}


def test_a_damaged_column_that_is_not_needed_is_not_read(tmp_path):
    path = tmp_path / "t.parquet"
    pq.write_table(
        pa.table({"id": [1, 2], "text": ["damaged", "damaged"]}), path, compression="none", use_dictionary=False
    )
    meta = pq.ParquetFile(path).metadata.row_group(0).column(1)
    with path.open("r+b") as file:
        file.seek(meta.data_page_offset)
        file.write(b"\xff" * 20)
    catalog = PlanCatalog({"t": DatasetSource(ds.dataset(path))})
    plan = optimize(Scan("t").select("id", "text").select("id"), catalog)
    assert run_plan(plan, catalog).to_pydict() == {"id": [1, 2]}
    with pytest.raises(OSError, match=r"."):
        run_plan(Scan("t"), catalog)
