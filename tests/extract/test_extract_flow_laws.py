"""Laws of the layer ``flow`` over real sources: what names what, what an edit leaves alone, how rows grow."""

import re
import sys

import pytest
from extract_rows import DEMO, STANDARD_LIBRARY, rows_of, rows_of_source

from flight_client.extract.flow_rows import FlowRows

LAYERS = ("cst", "cfg", "flow")
TABLES = tuple(FlowRows().tables())
FILES = [DEMO / "shop/orders.py", DEMO / "shop/models.py"]
FILES += [STANDARD_LIBRARY / name for name in ("inspect.py", "asyncio/tasks.py")]
DEFINES = (("flow_copies", "dst"), ("flow_allocs", "place"), ("flow_loads", "dst"), ("flow_calls", "result"))
USES = (("flow_calls", "callee"), ("flow_loads", "base"), ("flow_loads", "key_place"), ("flow_stores", "base"))
USES += (("flow_annotations", "annotation_place"), ("cst_bases", "place"), ("cst_params", "default_place"))
DEEP = {
    "operators": ("x = " + "+".join(["f()"] * 10_000), 10_000),
    "comparisons": ("x = " + "<".join(["f()"] * 10_000), 10_000),
    "ands": ("x = " + " and ".join(["f()"] * 10_000), 10_000),
    "calls": ("x = a" + ".b()" * 2000, 2000),
    "elifs": ("if f(): x = 1\n" + "elif f(): x = g(x)\n" * 2000, 4001),
    "definitions": ("def f(c):\n" + "    if c: x = g(x)\n" * 4000, 4000),
}


@pytest.fixture(scope="module", params=FILES, ids=lambda path: path.name, name="rows")
def rows_of_a_file(request):
    return rows_of(request.param, layers=LAYERS)


def without_offsets(rows):
    """Rows without what tells where in the file they stand."""
    kept = [{name: value for name, value in row.items() if name not in ("bstart", "bend", "call_id")} for row in rows]
    assert not any(re.search(r":\d+-\d+", str(row)) for row in kept)
    return kept


def test_every_call_has_one_site(rows):
    of_flow = [row["call_id"] for row in rows["flow_calls"] if row["site_kind"] == "call"]
    assert sorted(of_flow) == sorted(row["call_id"] for row in rows["cst_callsites"])
    assert not any(row["call_id"] for row in rows["flow_calls"] if row["site_kind"] != "call")


def test_sites_are_unique_and_arguments_have_one(rows):
    sites = [row["site_id"] for row in rows["flow_calls"]]
    assert len(set(sites)) == len(sites)
    assert {row["site_id"] for row in rows["flow_args"]} <= set(sites)
    assert {row["site_id"] for row in rows["cst_decorators"]} <= set(sites)


def test_a_call_site_and_its_row_of_the_layer_cst_agree(rows):
    calls = {row["call_id"]: row for row in rows["cst_callsites"]}
    counts = dict.fromkeys(calls, 0)
    sites = {row["site_id"]: row["call_id"] for row in rows["flow_calls"]}
    for row in rows["flow_args"]:
        if row["bstart"] is not None:
            counts[sites[row["site_id"]]] += 1
    assert counts == {call_id: row["arg_count"] for call_id, row in calls.items()}


def test_what_is_read_is_a_variable_or_comes_from_somewhere(rows):
    defined = {row[column] for table, column in DEFINES for row in rows[table]}
    for table, column in USES:
        for row in rows[table]:
            place = row[column]
            assert place is None or place in defined or re.match(r"var:|x:.*:[dp]\d+$", place), (table, row)


def test_definitions_and_scopes_in_places_are_those_of_the_file(rows):
    definitions = {row["def_id"] for row in rows["cst_defs"]}
    scopes = {row["scope_id"] for row in rows["cst_defs"]}
    for table, column in DEFINES:
        for row in rows[table]:
            kind, _, rest = (row[column] or "").partition(":")
            owner = rest.rpartition(":")[0]
            assert (
                not kind
                or owner in (scopes if kind == "var" else definitions)
                or rest in definitions
                or "/type_" in rest
            )


def test_parameters_are_what_the_layer_cst_says(rows):
    places = {row["place"] for row in rows["cst_params"]}
    own = {row["src"] for row in rows["flow_copies"] if re.search(r":p\d+$", row["src"])}
    assert {place for place in places if place.startswith("x:")} <= own


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_a_comment_at_the_top_changes_nothing_but_spans(tmp_path, path):
    source = path.read_text(encoding="utf-8")
    before = rows_of_source(tmp_path, source, layers=LAYERS)
    after = rows_of_source(tmp_path, "# a comment\n" + source, layers=LAYERS)
    for table in TABLES:
        assert without_offsets(before[table]) == without_offsets(after[table])


def test_the_control_flow_need_not_be_chosen(tmp_path):
    source = FILES[0].read_text(encoding="utf-8")
    with_it, alone = (rows_of_source(tmp_path, source, layers=layers) for layers in (LAYERS, ("flow",)))
    assert all(with_it[table] == alone[table] for table in TABLES)


@pytest.mark.parametrize("case", DEEP)
def test_deep_or_long_code_gives_rows_in_proportion(tmp_path, case):
    source, calls = DEEP[case]
    rows = rows_of_source(tmp_path, source, layers=("cst", "flow"))
    if sys.version_info >= (3, 12) and any(row["error_type"] == "RecursionError" for row in rows["cst_parse_errors"]):
        pytest.skip("this interpreter can't parse it: it has a limit of its own")
    assert rows["cst_parse_errors"] == []
    assert sum(row["site_kind"] == "call" for row in rows["flow_calls"]) == calls
    assert sum(len(rows[table]) for table in TABLES) < 8 * calls


def test_hostile_quoted_annotations_are_passed_over(tmp_path):
    texts = ["[" * 300, "a" + ".b" * 100_000, "x\\0", "lambda: f()", "f(1)", "a b", ""]
    rows = rows_of_source(tmp_path, "".join(f"x: '{text}' = 1\n" for text in texts), layers=("flow",))
    assert rows["cst_parse_errors"] == []
    assert (rows["flow_calls"], rows["flow_annotations"]) == ([], [])
