"""Each command, against a server by its URI and over a store folder."""

import os
import subprocess
import sys

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from cli_process import COMMAND, environment, in_terminal, run, serving, succeed
from pyarrow import csv, ipc

from flight_client import connect
from flight_client.contracts.raw import RAW_TABLES
from flight_client.contracts.tables import TABLES
from flight_server.cli.main import COMMANDS, commands

DATASET = "callsite_qname_candidates"
WHERE = '{"op": "=", "args": [{"property": "path"}, "shop/orders.py"]}'


@pytest.fixture(scope="module", params=["server", "store"])
def where(request, demo, store):
    """The options that say of what: both ways see the same repo."""
    return ("--server", demo.uri) if request.param == "server" else ("--store", store)


@pytest.fixture(scope="module")
def rows(demo):
    return ipc.open_stream(
        subprocess.run(
            [*COMMAND, "get", "demo", DATASET, "--server", demo.uri, "-o", "-"], capture_output=True, check=True
        ).stdout
    ).read_all()


@pytest.mark.parametrize("command", COMMANDS)
def test_help_has_an_example(command):
    shown = succeed(command, "--help")
    assert f"Example: flight-server {command}" in " ".join(shown.split())


@pytest.mark.parametrize("command", COMMANDS)
def test_help_lists_every_command(command):
    _, summary = COMMANDS[command]
    assert f"  {command:<{max(map(len, COMMANDS))}}  {summary}\n" in succeed("--help")
    first, _, _ = commands.get_command(commands.make_context("", [command]), command).help.partition("\n\n")
    assert summary == first


def loaded_by(*words):
    """The modules that a command has loaded when it ends."""
    code = f"import sys; from flight_server.cli.main import main; sys.argv[1:] = {[*map(str, words)]!r}"
    watched = f"{code}\ntry: main()\nfinally: print(*sys.modules, file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", watched], capture_output=True, text=True, check=True)
    return done.stdout, set(done.stderr.split())


def test_help_loads_click_alone():
    shown, modules = loaded_by("--help")
    assert "Commands:" in shown
    assert modules & {"pandas", "hamilton", "pyarrow", "pyarrow.dataset", "pyarrow.flight", "numpy"} == set()


@pytest.mark.usefixtures("demo")
def test_ls_of_a_store_loads_no_server(store):
    shown, modules = loaded_by("ls", "--store", store)
    assert "demo" in shown.split()
    assert modules & {"pandas", "hamilton", "pyarrow.dataset", "pyarrow.flight"} == set()


def test_ls_of_a_server_loads_no_pipeline(demo):
    shown, modules = loaded_by("ls", "demo", "--server", demo.uri)
    assert "cst_defs" in shown.split()
    assert "hamilton" not in modules


def test_ls(where):
    assert "demo" in succeed("ls", *where).split()
    header, *lines = succeed("ls", "demo", "--all", *where).splitlines()
    assert header.split() == ["dataset", "rows", "bytes", "kind", "layer", "cached"]
    listed = {line.split()[0]: line.split()[1:] for line in lines}
    assert set(listed) == set(TABLES)
    assert all(int(text) > 0 for text in listed["cst_callsites"][:2])
    assert listed["cst_callsites"][2:] == ["raw", "cst"]
    assert listed[DATASET][2:4] == ["output", "qnames"]
    shown = {line.split()[0] for line in succeed("ls", "demo", *where).splitlines()[1:]}
    assert shown == {name for name, (rows, *_) in listed.items() if rows != "0"} < set(TABLES)


def test_ls_says_what_is_cached(demo):
    succeed("get", "demo", "dim_qualified_names", "--server", demo.uri)
    [line] = [line for line in succeed("ls", "demo", "--server", demo.uri).splitlines() if "dim_qualified" in line]
    assert line.split()[-1] == "yes"
    assert int(line.split()[1]) > 0


def test_info(where):
    shown = succeed("info", "demo", "cst_callsites", *where)
    assert "py_cst_callsites_v3" in shown
    assert "  call_id              string, never null\n" in shown
    assert "  callee_text          string\n" in shown
    assert "Source of the callee, at most 200 characters.\n" in shown
    assert 'order      ["path"]\n' in shown


def test_get_narrows(where, rows):
    shown = succeed(
        *("get", "demo", DATASET, "--columns", "qname,path", "--where", WHERE, "--limit", 3, "--order", "canonical"),
        *("--snapshot", 1, *where),
    )
    wanted = [row for row in rows.sort_by("call_id").to_pylist() if row["path"] == "shop/orders.py"][:3]
    assert shown.splitlines() == ['"qname","path"', *(f'"{row["qname"]}","{row["path"]}"' for row in wanted)]


def test_explain(where):
    shown = succeed("explain", "demo", DATASET, "--columns", "qname", *where)
    assert "made from: cst_callsites" in shown
    assert "callee_text" not in shown


@pytest.mark.parametrize(
    ("suffix", "read"), [("parquet", pq.read_table), ("arrow", lambda p: ipc.open_file(p).read_all())]
)
def test_get_into_a_file_and_put_it_back(demo, tmp_path, suffix, read):
    file = tmp_path / f"calls.{suffix}"
    assert succeed("get", "demo", "cst_callsites", "-o", file, "--server", demo.uri) == ""
    assert read(file).schema.equals(RAW_TABLES["cst_callsites"].schema)
    assert list(tmp_path.iterdir()) == [file]
    put = succeed("put", "again", "cst_callsites", file, "--store", tmp_path / "store")
    assert put == f"again/cst_callsites: {read(file).num_rows} rows, snapshot 1\n"
    back = tmp_path / "back.parquet"
    succeed("get", "again", "cst_callsites", "-o", back, "--store", tmp_path / "store")
    assert pq.read_table(back).equals(read(file))


def test_csv_goes_out_and_comes_in(demo, tmp_path):
    file = tmp_path / "params.csv"
    succeed("get", "demo", "cst_params", "-o", file, "--server", demo.uri)
    assert csv.read_csv(file).num_rows > 0
    succeed("put", "again", "cst_params", file, "--store", tmp_path / "store")
    found = [tmp_path / "1.parquet", tmp_path / "2.parquet"]
    succeed("get", "demo", "cst_params", "-o", found[0], "--server", demo.uri)
    succeed("get", "again", "cst_params", "-o", found[1], "--store", tmp_path / "store")
    assert pq.read_table(found[1]).equals(pq.read_table(found[0]))


def test_lists_go_through_csv(demo, tmp_path):
    file = tmp_path / "defs.csv"
    succeed("get", "demo", "cst_defs", "-o", file, "--server", demo.uri)
    succeed("put", "again", "cst_defs", file, "--store", tmp_path / "store")
    found = [tmp_path / "1.parquet", tmp_path / "2.parquet"]
    succeed("get", "demo", "cst_defs", "-o", found[0], "--server", demo.uri)
    succeed("get", "again", "cst_defs", "-o", found[1], "--store", tmp_path / "store")
    assert pq.read_table(found[1]).equals(pq.read_table(found[0]))


def test_text_in_csv_stays_as_it_is(tmp_path):
    file = tmp_path / "objects.csv"
    file.write_text("rt_id,module,qualname,name,source_line,unknown\nrt:1,007,1.0,True,12,x\n")
    succeed("put", "r", "rt_objects", file, "--store", tmp_path / "store")
    columns = "module,qualname,name,source_line"
    shown = succeed("get", "r", "rt_objects", "--columns", columns, "--store", tmp_path / "store")
    assert shown.splitlines()[1] == '"007","1.0","True",12'


def test_a_terminal_is_not_controlled_by_what_a_file_says(demo, tmp_path):
    (tmp_path / "evil.py").write_text("x = '\033]0;title\007'\n")
    succeed("ingest", tmp_path, "--repo", "evil", "--to", demo.uri)
    _, shown = in_terminal(
        (*COMMAND, "get", "evil", "repo_files", "--columns", "text", "--server", demo.uri), os.environ
    )
    succeed("drop", "evil", "--server", demo.uri)
    assert "\\x1b]0;title\\x07" in shown
    assert "\033]" not in shown


def test_get_to_a_pipe_is_csv_with_lists_as_json(demo):
    shown = succeed("get", "demo", "cst_defs", "--columns", "qnames", "--limit", 1, "--server", demo.uri)
    assert shown == '"qnames"\n"[{""name"": ""report"", ""source"": ""LOCAL""}]"\n'


def test_get_to_a_terminal_is_a_table(demo):
    words = (*COMMAND, "get", "demo", DATASET, "--server", demo.uri)
    code, shown = in_terminal(words, environment("/nonexistent"))
    lines = shown.splitlines()
    assert code == 0
    assert lines[0].split() == ["call_id", "qname", "path", "call_bstart", "qname_source"]
    assert set(lines[1]) == {"-", " "}
    assert lines[-1].startswith("the first 40 rows; ")
    assert lines[-2].startswith("not shown: call_bend; ")
    assert len(lines) == 44
    assert all(len(line) <= 100 for line in lines[:-1])


def test_a_pipe_that_is_closed_early_ends_a_command_quietly(demo):
    line = " ".join([*COMMAND, "get", "demo", "cst_name_refs", "--server", demo.uri])
    done = subprocess.run(["sh", "-c", f"{line} | head -1"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith('"file_id","path"')


def test_modes_of_put(tmp_path):
    file, store = tmp_path / "one.parquet", tmp_path / "store"
    spec = RAW_TABLES["cst_exports"]
    for number, mode in enumerate(("replace", "append", "files"), 1):
        row = {"file_id": "f", "path": "a.py", "name": str(number)}
        pq.write_table(pa.Table.from_pylist([row], schema=spec.schema), file)
        succeed("put", "r", "cst_exports", file, "--mode", mode, "--store", store)
    shown = succeed("get", "r", "cst_exports", "--columns", "name", "--store", store)
    assert shown == '"name"\n"3"\n'


def test_drop(tmp_path):
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "a.py").write_text("a()\n")
    succeed("ingest", tmp_path / "code", "--repo", "gone", "--store", tmp_path / "store")
    assert succeed("ls", "--store", tmp_path / "store") == "gone\n"
    assert succeed("drop", "gone", "--store", tmp_path / "store") == "gone: dropped\n"
    assert succeed("ls", "--store", tmp_path / "store") == ""


def test_ingest_into_a_running_server_and_serve(tmp_path):
    code = tmp_path / "my code"
    code.mkdir()
    (code / "a.py").write_text("len([])\n")
    with serving("serve", "--store", tmp_path / "store") as server:
        done = succeed("ingest", code, "--to", server.uri, "--jobs", 2)
        assert done.startswith("my-code: 1 files, 1 extracted, 0 removed, ")
        assert succeed("ingest", code, "--to", server.uri) == "my-code: 1 files, nothing changed\n"
        shown = succeed("get", "my-code", "dim_qualified_names", "--server", server.uri)
        assert shown.splitlines()[1:] == ['"qname:builtins.len","builtins.len"', '"qname:a","a"'][::-1]


def test_without_an_option_the_default_address_is_asked():
    done = run("ls", "nope")
    assert done.returncode == 2
    assert "8815" in done.stderr or "nope" in done.stderr  # a developer's own server may listen there


def test_the_console_script_is_the_same_command():
    words = [sys.executable, "-c", "from flight_server.cli.main import main; main()", "ls", "--help"]
    assert "Example: flight-server ls" in subprocess.run(words, capture_output=True, text=True, check=True).stdout


def test_a_table_in_a_narrow_terminal_is_cut_to_fit(demo):
    words = (*COMMAND, "get", "demo", DATASET, "--limit", "2", "--server", demo.uri)
    _, shown = in_terminal(["env", "COLUMNS=60", *words], os.environ)
    assert shown.splitlines()[-1] == "2 rows"
    assert all(len(line) <= 60 for line in shown.splitlines())


def test_a_column_that_stands_twice_in_csv_is_an_error(tmp_path):
    file = tmp_path / "objects.csv"
    file.write_text("rt_id,name,name\nrt:1,a,b\n")
    done = run("put", "r", "rt_objects", file, "--store", tmp_path / "store")
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "more than once" in done.stderr


def test_parse_errors_are_reported_and_another_interpreter_reads_newer_syntax(demo, tmp_path):
    code = tmp_path / "newer"
    code.mkdir()
    for number in range(4):
        (code / f"bad{number}.py").write_text("x = = 1\n")
    (code / "fine.py").write_text("x = 1\n")
    command = (*COMMAND, "ingest", code, "--to", demo.uri)
    first = subprocess.run(command, capture_output=True, text=True, check=True)
    shown = "; ".join(f"bad{number}.py:1: invalid syntax" for number in range(3))
    assert f"newer: 4 of 5 files have errors: {shown}; and 1 more in cst_parse_errors\n" in first.stderr
    (code / "bad0.py").write_text("x = 1\n")
    second = subprocess.run([*command, "--python", sys.executable], capture_output=True, text=True, check=True)
    assert "newer: 3 of 5 files have errors" in second.stderr
    third = subprocess.run([*command, "--python", sys.executable], capture_output=True, text=True, check=True)
    assert "nothing changed" in third.stdout
    wrong = subprocess.run([*command, "--python", "nowhere"], capture_output=True, text=True, check=False)
    assert (wrong.returncode, wrong.stderr.splitlines()[-1][:44]) == (2, "error: nowhere does not run as a Python inte")


def test_get_shows_what_people_read_in_eighty_columns(demo):
    words = [*COMMAND, "get", "demo", "calls", "--server", demo.uri]
    _, shown = in_terminal(["env", "COLUMNS=80", *words, "--limit", "3"], os.environ)
    assert {"path", "line", "caller", "callee"} <= set(shown.splitlines()[0].split())
    assert all(len(line) <= 80 for line in shown.splitlines())
    _, vertical = in_terminal([*words, "--limit", "1", "--vertical"], os.environ)
    assert "source_line" in vertical


def test_drop_asks_on_a_terminal(demo):
    words = [*COMMAND, "drop", "demo", "--server", demo.uri]
    code, shown = in_terminal(words, os.environ)
    assert code != 0
    assert "Remove demo with all its snapshots? [y/N]" in shown
    with connect(demo.uri) as client:
        assert "demo" in client.repos()
