"""The layer ``bc``: what the running interpreter makes of a file, joined to the definitions that it comes from."""

import dis
import json
import sys
from collections import defaultdict
from dataclasses import astuple
from itertools import pairwise
from types import CodeType

import pytest
from bytecode_steps import EXERCISED, steps_taken
from extract_rows import DEMO, library_files, rows_of, rows_of_source, tables_of

from flight_client.extract.basic_blocks import exception_entries

INLINED = {"<listcomp>", "<setcomp>", "<dictcomp>"}  # into their function, since 3.12
LIBRARY = library_files(["contextlib.py", "dataclasses.py", "asyncio/tasks.py"])
TABLES = {
    "bc_code_units": "code_unit_id",
    "bc_instructions": "instr_id",
    "bc_exception_table": "exc_entry_id",
    "bc_blocks": "block_id",
    "bc_cfg_edges": "edge_id",
}


def bytecode(folder, source):
    return rows_of_source(folder, source, layers=["cst", "bc"])


def code_units(code):
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from code_units(constant)


@pytest.mark.parametrize("path", LIBRARY, ids=lambda path: path.name)
def test_every_definition_has_its_code(path):
    rows = rows_of(path, layers=["cst", "bc"])
    names = {row["def_id"]: row["name"] for row in rows["cst_defs"]}
    joined = {row["def_id"]: row["co_name"] for row in rows["bc_code_units"] if row["def_id"]}
    module = rows["bc_code_units"][0]["def_id"]
    assert joined[module] == "<module>"
    assert {key: name for key, name in joined.items() if key != module} == {
        key: names[key] for key in joined.keys() - {module}
    }
    without = {names[key] for key in names.keys() - joined.keys()}
    assert without <= INLINED if sys.version_info >= (3, 12) else not without


def test_a_unit_has_the_flags_of_its_code(tmp_path):
    source = "async def f(*args): ...\ndef g():\n    yield\n"
    code = compile(source, "<source>", "exec", dont_inherit=True, optimize=0)
    expected = {unit.co_name: unit.co_flags for unit in code_units(code)}
    assert {row["co_name"]: row["flags"] for row in bytecode(tmp_path, source)["bc_code_units"]} == expected


@pytest.mark.parametrize("path", LIBRARY, ids=lambda path: path.name)
def test_ids_are_unique_and_what_they_refer_to_exists(path):
    rows = rows_of(path, layers=["bc"])
    ids = {table: [row[key] for row in rows[table]] for table, key in TABLES.items()}
    assert all(len(found) == len(set(found)) for found in ids.values())
    units, blocks = set(ids["bc_code_units"]), set(ids["bc_blocks"])
    assert {row["parent_code_unit_id"] for row in rows["bc_code_units"]} - {None} <= units
    for table in TABLES:
        assert {row["code_unit_id"] for row in rows[table]} <= units
    assert {row["block_id"] for row in rows["bc_instructions"]} == blocks
    assert {row[end] for row in rows["bc_cfg_edges"] for end in ("src_block_id", "dst_block_id")} <= blocks
    assert {row["cond_instr_id"] for row in rows["bc_cfg_edges"]} - {None} <= set(ids["bc_instructions"])


@pytest.mark.parametrize("path", LIBRARY, ids=lambda path: path.name)
def test_instructions_and_exception_tables_are_those_of_dis(path):
    rows = rows_of(path, layers=["bc"])
    code = compile(path.read_text(encoding="utf-8"), "<source>", "exec", dont_inherit=True, optimize=0)
    units = list(code_units(code))
    found = defaultdict(list)
    for row in rows["bc_instructions"]:
        found[row["code_unit_id"]].append((row["offset"], row["opname"], row["arg"]))
    listed = [[(each.offset, each.opname, each.arg) for each in dis.get_instructions(unit)] for unit in units]
    assert sorted(found.values()) == sorted(listed)
    for unit in units:
        expected = [tuple(entry) for entry in dis.Bytecode(unit).exception_entries]
        assert [astuple(entry) for entry in exception_entries(unit.co_exceptiontable)] == expected


@pytest.mark.parametrize("path", LIBRARY, ids=lambda path: path.name)
def test_blocks_follow_each_other_over_the_whole_code(path):
    rows = rows_of(path, layers=["bc"])
    blocks = defaultdict(list)
    for row in rows["bc_blocks"]:
        blocks[row["code_unit_id"]].append(row)
    for unit in rows["bc_code_units"]:
        own = blocks[unit["code_unit_id"]]
        assert (own[0]["start_offset"], own[-1]["end_offset"], own[0]["kind"]) == (0, unit["code_len"], "entry")
        assert all(block["end_offset"] == after["start_offset"] for block, after in pairwise(own))
    spans = {row["block_id"]: range(row["start_offset"], row["end_offset"]) for row in rows["bc_blocks"]}
    assert all(row["offset"] in spans[row["block_id"]] for row in rows["bc_instructions"])


def test_every_step_that_the_interpreter_takes_is_an_edge(tmp_path):
    rows = bytecode(tmp_path, EXERCISED)
    units = {row["code_unit_id"]: (row["qualpath"], row["firstlineno"]) for row in rows["bc_code_units"]}
    blocks = {row["block_id"]: row["start_offset"] for row in rows["bc_blocks"]}
    of_block = {(units[row["code_unit_id"]], row["offset"]): row["block_id"] for row in rows["bc_instructions"]}
    edges = {(row["src_block_id"], row["dst_block_id"]) for row in rows["bc_cfg_edges"]}
    loop_ends = {row["block_id"] for row in rows["bc_blocks"]} - {
        row["block_id"] for row in rows["bc_instructions"] if row["opname"] not in {"END_FOR", "POP_TOP"}
    }  # FOR_ITER leads there, and the interpreter skips them
    edges |= {(source, after) for source, end in edges if end in loop_ends for at, after in edges if at == end}
    taken = set()
    for unit, before, after in steps_taken(tmp_path / "source.py"):
        source, target = of_block[unit, before], of_block[unit, after]
        if source != target or after <= before:
            taken.add((source, target))
            assert (source, target) in edges, (unit, before, after)
    assert len(taken) > len(blocks) / 2


def test_conditions_lead_two_ways(tmp_path):
    rows = bytecode(
        tmp_path, "def f(a, b):\n    while a:\n        for x in b: pass\n    return a if b is None else x\n"
    )
    ways = defaultdict(list)
    for row in rows["bc_cfg_edges"]:
        if row["cond_instr_id"] is not None:
            ways[row["cond_instr_id"]].append(row["kind"])
    assert len(ways) >= 3
    assert all(sorted(kinds) == ["false", "true"] for kinds in ways.values())


def test_a_condition_is_true_where_its_value_is(tmp_path):
    rows = bytecode(tmp_path, "if a:\n    b()\nelse:\n    c()\n")
    names = defaultdict(list)
    for row in rows["bc_instructions"]:
        names[row["block_id"]].append(row["argval_str"])
    branches = {row["kind"]: names[row["dst_block_id"]] for row in rows["bc_cfg_edges"] if row["cond_instr_id"]}
    assert "b" in branches["true"]
    assert "c" in branches["false"]


def test_lambdas_on_one_line_are_told_apart(tmp_path):
    source = "x = {(lambda: 1): lambda: 2, 'é': lambda: 3}; y = (lambda: 4) if (lambda: 5) else [lambda: 6]\n"
    rows = bytecode(tmp_path, source)
    spans = {row["def_id"]: source.encode()[row["def_bstart"] : row["def_bend"]] for row in rows["cst_defs"]}
    values = {row["code_unit_id"]: row["argval_str"] for row in rows["bc_instructions"] if row["argval_str"]}
    found = {spans[row["def_id"]].decode()[-1]: values.get(row["code_unit_id"]) for row in rows["bc_code_units"][1:]}
    shown = {key: value for key, value in found.items() if value is not None}  # small integers may be arguments
    assert sorted(found) == list("123456")
    assert all(key == value for key, value in shown.items())


def test_a_finally_body_may_be_compiled_twice_and_is_one_definition(tmp_path):
    rows = bytecode(tmp_path, "def f():\n    try: g()\n    finally: h = lambda: 1\n    return h\n")
    units = [row for row in rows["bc_code_units"] if row["co_name"] == "<lambda>"]
    assert len({row["def_id"] for row in units}) == 1
    assert [row["code_unit_id"].rpartition("#")[2] for row in units] == [str(n + 1) for n in range(len(units))]


@pytest.mark.skipif(sys.version_info < (3, 12), reason="syntax of 3.12")
def test_what_the_compiler_adds_belongs_to_no_definition():
    rows = rows_of(DEMO / "shop" / "generic.py", layers=["cst", "bc"])
    added = [row["co_name"] for row in rows["bc_code_units"] if row["def_id"] is None]
    assert "<generic parameters of Box>" in added
    assert not {row["name"] for row in rows["cst_defs"]} & set(added) - {"Pair", "Names"}  # aliases have a scope only


def test_a_comment_above_changes_no_id(tmp_path):
    source = (DEMO / "shop" / "orders.py").read_text()
    before, after = bytecode(tmp_path, source), bytecode(tmp_path, "# a comment\n" + source)
    for table, key in TABLES.items():
        assert [row[key] for row in before[table]] == [row[key] for row in after[table]]
    assert [row["def_id"] for row in before["bc_code_units"]] == [row["def_id"] for row in after["bc_code_units"]]


@pytest.mark.parametrize("source", ["return 1\n", "def f(a, a): pass\n", "x = = 1\n", "nonlocal x\n", "await y\n"])
def test_source_that_does_not_compile_is_an_error(tmp_path, source):
    rows = bytecode(tmp_path, source)
    (error,) = rows["bc_errors"]
    assert (error["error_type"], bool(error["message"])) == ("SyntaxError", True)
    assert not any(rows[table] for table in TABLES)
    assert len(rows["cst_parse_manifest"]) + len(rows["cst_parse_errors"]) == 1


def test_cells_of_a_notebook_may_await(tmp_path):
    cells = [{"cell_type": "code", "source": text} for text in ("%time x = 1", "await x")]
    notebook = {"cells": cells, "metadata": {"language_info": {"name": "python"}}, "nbformat": 4, "nbformat_minor": 5}
    (tmp_path / "book.ipynb").write_text(json.dumps(notebook))
    rows = rows_of(tmp_path / "book.ipynb", layers=["bc"])
    assert (len(rows["bc_code_units"]), rows["bc_errors"]) == (1, [])


@pytest.mark.parametrize("source", ["x = a" + ".b" * 100_000, "x = " + "-" * 5_000 + "y", "x = a" + ".b()" * 900])
def test_deep_source_compiles_or_gives_an_error(tmp_path, source):
    rows = bytecode(tmp_path, source)
    assert len(rows["bc_code_units"]) + len(rows["bc_errors"]) == 1


def test_constants_are_short_and_the_same_in_every_process(tmp_path):
    big = "1" + "0" * 3_000
    source = f"def f(x):\n    return x in {{'c', 'a', 'b'}}, {big}, 'x' * 0, '{'y' * 999}', '\\ud800', lambda: 1\n"
    shown = [row["argrepr"] for row in bytecode(tmp_path, source)["bc_instructions"] if row["argrepr"]]
    assert "frozenset({'a', 'b', 'c'})" in shown
    assert max(map(len, shown)) <= 200
    assert any(text.startswith("0x") for text in shown)
    assert not [text for text in shown if " at 0x" in text]
    assert any("<code f.<locals>.<lambda>>" in text for text in shown)


def test_nothing_is_run(tmp_path):
    marker = tmp_path / "marker"
    rows = bytecode(tmp_path, f"open({str(marker)!r}, 'w')\nraise SystemExit\n")
    assert rows["bc_code_units"]
    assert not marker.exists()


def test_a_file_with_errors_stops_no_other():
    tables = tables_of(DEMO, layers=["bc"])
    failed = {row["path"] for row in tables["bc_errors"]}
    assert "shop/broken.py" in failed
    assert {row["path"] for row in tables["bc_code_units"]} == {row["path"] for row in tables["repo_files"]} - failed
