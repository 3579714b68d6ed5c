"""The questions with parameters, asked in SQL of a server: callers, callees, impact."""

from collections.abc import Iterator

import pytest

from flight_client import Client, connect
from flight_client.ingest import ingest
from flight_server.pipeline.driver import load_pipeline
from flight_server.rpc.server import FlightServer
from flight_server.serving.service import Service
from flight_server.storage.store import Store

SOURCES = {
    "shop/__init__.py": "",
    "shop/work.py": """import functools

def noted(function):
    @functools.wraps(function)
    def wrapper(*args):
        return function(*args)
    return wrapper

@noted
def price(item): return base(item)

@noted
def weight(item): return 1

def base(item): return item.cost()
""",
    "shop/use.py": """from shop.work import price, weight
class Cart:
    def total(self): return price(1) + 1
class Basket(Cart):
    def total(self): return super().total()
def report(): return Basket().total()
def heavy(): return weight(2)
""",
    "shop/web.py": """import sqlite3
def view(request):
    name = request.GET["name"].strip()
    query = "select " + name
    other = len("")
    return run(query, other)
def run(text, count):
    cursor = sqlite3.connect("x").cursor()
    cursor.execute(f"{text};", [count])
""",
    "tests/test_use.py": "from shop.use import report\ndef test_report(): assert report()\n",
}


@pytest.fixture(scope="module", name="client")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    root = tmp_path_factory.mktemp("source")
    for path, text in SOURCES.items():
        (root / path).parent.mkdir(exist_ok=True)
        (root / path).write_text(text, encoding="utf-8")
    server = FlightServer(Service(Store(tmp_path_factory.mktemp("store")), load_pipeline()))
    with connect(server.uri) as client:
        ingest(client, root, repo="shop", jobs=1)
        yield client
    server.stop()


def rows(client: Client, query: str) -> list[tuple[object, ...]]:
    return [tuple(row.values()) for row in client.sql(query, repo="shop").read_all().to_pylist()]


def test_callers_see_through_decorators_and_say_where(client: Client) -> None:
    found = rows(
        client, "select depth, caller, callee, path, line, source_line from callers('shop.work.price', depth := 1)"
    )
    assert found == [
        (0, None, "shop.work.price", "shop/work.py", 10, "price(item)"),
        (1, "shop.use.Cart.total", "shop.work.price", "shop/use.py", 3, "def total(self): return price(1) + 1"),
    ]


def test_callers_of_callers_come_with_their_distance(client: Client) -> None:
    found = rows(client, "select depth, caller from callers('shop.work.base', depth := 9) where depth > 0")
    assert found == [
        (1, "shop.work.price"),
        (2, "shop.use.Cart.total"),
        (3, "shop.use.Basket.total"),
        (4, "shop.use.report"),
        (5, "test_use.test_report"),
    ]
    assert len(rows(client, "from callers('shop.work.base', depth => 2)")) == 3


def test_callees_say_how_many_calls_are_not_resolved(client: Client) -> None:
    found = rows(client, "select depth, callee, unresolved from callees('shop.use.Cart.total')")
    assert found == [
        (0, "shop.use.Cart.total", 0),
        (1, "shop.work.noted.wrapper", 0),
        (1, "shop.work.price", 0),
        (2, "shop.work.base", 1),
    ]


def test_impact_of_a_function_and_of_a_file(client: Client) -> None:
    found = {row[0]: row[1:] for row in rows(client, "select qname, how, is_test from impact('shop.work.price')")}
    assert found["test_use.test_report"] == ("calls", True)
    assert found["shop.use.Cart.total"] == ("calls", False)
    assert "shop.use.heavy" not in found
    of_file = {row[0] for row in rows(client, "select qname from impact('shop/work.py')")}
    assert {"shop.use.heavy", "shop.use.Cart.total", "shop.use"} <= of_file


def test_a_value_is_followed_from_a_parameter_into_an_argument(client: Client) -> None:
    found = rows(client, "select number, step, kind, name, line from paths('request', 'cursor.execute')")
    assert [row[:2] for row in found] == [(1, step) for step in range(1, len(found) + 1)]
    names = [row[3] for row in found if row[2] in ("PY_BINDING", "CST_ARG")]
    assert names == ["request", "name", "query", "text", None]
    assert found[-1][2:] == ("CST_ARG", None, 9)
    assert rows(client, "from paths('cursor', 'len')") == []


def test_a_question_about_nothing_has_no_rows(client: Client) -> None:
    for question in ("callers('nothing')", "callees('nothing')", "impact('nothing')"):
        assert rows(client, f"from {question}") == []


def test_references_are_a_table_of_sql(client: Client) -> None:
    [(times,)] = rows(client, """select count(*) from "references" where qname = 'shop.use.report'""")
    assert times == 2
