"""Files that can't be read, decoded, parsed or walked give a row of errors, and stop nothing."""

import hashlib
import importlib
import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from extract_rows import DEMO, rows_of, rows_of_source, tables_of

from flight_client.extract import SourceFile, extract, scan
from flight_client.extract.chunk import Chunk
from flight_client.extract.module_names import Module
from flight_client.extract.raw_rows import EXTRACTED
from flight_client.extract.source_text import MAX_FILE_BYTES
from flight_client.extract.workers import Worker, WorkersFailedError, run_chunks

STREAM = importlib.import_module("flight_client.extract.extract")  # the package has a function of that name
BROKEN = {
    "syntax": ("def f(:\n", "SyntaxError"),
    "null byte": ("x = 1\0", "SyntaxError"),
    "200 brackets too many": ("(" * 10_000 + ")" * 10_000, "SyntaxError"),
    "100,000 signs": ("x = " + "-" * 100_000 + "1", "MemoryError"),
    "100,000 attributes": ("x = a" + ".b" * 100_000, "RecursionError"),
    "huge number": ("x = " + "1" * 10_000, "SyntaxError"),
    "two marks": ("\ufeff\ufeffx = 1", "SyntaxError"),
}
DEEP = {"calls": ("x = a" + ".b()" * 900, 900), "operators": ("x = " + "+".join(["f()"] * 900), 900)}


@pytest.mark.parametrize("case", BROKEN)
def test_a_file_that_does_not_parse(tmp_path, case):
    source, error_type = BROKEN[case]
    rows = rows_of_source(tmp_path, source)
    (error,) = rows["cst_parse_errors"]
    assert error["error_type"] == error_type or error["error_type"] in {"ValueError", "RecursionError"}
    assert error["message"]
    assert error["meta"] == [("stage", "parse")]
    assert len(rows["repo_files"]) == 1
    assert not any(rows[table] for table in EXTRACTED if table not in {"repo_files", "cst_parse_errors", "ast_errors"})


@pytest.mark.parametrize("case", DEEP)
def test_deep_but_parseable(tmp_path, case):
    source, calls = DEEP[case]
    rows = rows_of_source(tmp_path, source)
    assert (len(rows["cst_callsites"]), rows["cst_parse_errors"]) == (calls, [])


def test_a_callers_recursion_limit_makes_no_difference(tmp_path):
    source, calls = DEEP["calls"]
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(300)
    try:
        assert len(rows_of_source(tmp_path, source)["cst_callsites"]) == calls
        assert sys.getrecursionlimit() == 300
    finally:
        sys.setrecursionlimit(limit)


def test_extractions_side_by_side_leave_the_recursion_limit_as_it_was(tmp_path):
    limit = sys.getrecursionlimit()
    for number in range(8):
        (tmp_path / f"m{number}.py").write_text("x = 1\n" * 300)
    files = scan(tmp_path)

    def rows(_):
        return sum(batch.num_rows for _, batch in extract(files, repo="r", parts=1, jobs=1))

    with ThreadPoolExecutor(4) as threads:
        assert len(set(threads.map(rows, range(8)))) == 1
    assert sys.getrecursionlimit() == limit


def test_a_file_that_was_deleted_since_it_was_listed_has_no_rows(tmp_path):
    for name in ("gone.py", "here.py"):
        (tmp_path / name).write_text("x = 1\n")
    files = scan(tmp_path)
    (tmp_path / "gone.py").unlink()
    tables = dict(extract(files, repo="r", parts=1, jobs=1))
    assert tables["repo_files"]["path"].to_pylist() == ["here.py"]
    assert "cst_parse_errors" not in tables


def test_long_chains_of_calls_have_no_name_and_rows_stay_small(tmp_path):
    rows = rows_of_source(tmp_path, "import a\na" + ".b()" * 900)
    named = [row for row in rows["cst_callsites"] if row["callee_qnames"]]
    assert 0 < len(named) < 200
    assert max(len(row["callee_text"]) for row in rows["cst_callsites"]) == 200


def test_warnings_about_the_source_are_not_shown(tmp_path, capfd):
    rows = rows_of_source(tmp_path, 'x = "\\d"; y = 1 is 1; assert (x, y)\n')
    assert rows["cst_parse_errors"] == []
    assert capfd.readouterr().err == ""


def test_where_a_syntax_error_is(tmp_path):
    (error,) = rows_of_source(tmp_path, "x = 1\ny = = 2\n")["cst_parse_errors"]
    assert (error["raw_line"], error["raw_column"]) == (2, 4)


def test_source_that_parses_but_does_not_compile(tmp_path):
    rows = rows_of_source(tmp_path, "def f(a, a): f()\nreturn 1\nnonlocal x\nawait y\n")
    assert rows["cst_parse_errors"] == []
    assert len({row["param_id"] for row in rows["cst_params"]}) == 2


def test_a_pipe_is_never_opened(tmp_path):
    os.mkfifo(tmp_path / "pipe.py")
    rows = rows_of(tmp_path / "pipe.py")
    (error,) = rows["cst_parse_errors"]
    assert error["message"].endswith("pipe.py is not a regular file")
    assert [row["file_sha256"] for row in rows["repo_files"]] == [""]


def test_a_file_too_large_has_its_row_among_the_files(tmp_path):
    source = "x = 1\n" + "#" * MAX_FILE_BYTES
    rows = rows_of_source(tmp_path, source)
    (error,) = rows["cst_parse_errors"]
    assert error["error_type"] == "FileTooLargeError"
    (file,) = rows["repo_files"]
    assert (file["file_sha256"], file["text"]) == (hashlib.sha256(source.encode()).hexdigest(), None)


C_LOCALE = {"PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "LC_ALL": "C"}


@pytest.mark.parametrize("more", [{}, C_LOCALE])
def test_paths_do_not_depend_on_the_locale(tmp_path, more):
    folder = tmp_path / "ünï"
    folder.mkdir()
    (folder / "größe.py").write_text("f()\n")
    (tmp_path / ".gitignore").write_text("weg\u00e9.py\n", encoding="utf-8")
    (tmp_path / "weg\u00e9.py").write_text("g()\n")
    (Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff.py"))).write_text("h()\n")
    code = "import sys; from pathlib import Path; from flight_client.extract import scan, extract\n"
    code += "files = scan(Path(sys.argv[1])); print(ascii([file.path for file in files]))\n"
    code += "rows = {name: batch for name, batch in extract(files, repo='r', parts=1, jobs=1)}\n"
    code += "print(ascii(rows['cst_callsites']['path'].to_pylist()))"
    environment = {**os.environ, **more, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, "-c", code, tmp_path], capture_output=True, env=environment, check=True)
    assert done.stdout.decode().split("\n")[:2] == [ascii(["\\xff.py", "ünï/größe.py"])] * 2


def test_parse_errors_stop_nothing():
    tables = tables_of(DEMO)
    failed = {row["path"] for row in tables["cst_parse_errors"]}
    assert "shop/broken.py" in failed
    assert {row["path"] for row in tables["cst_parse_manifest"]} == {file.path for file in scan(DEMO)} - failed
    assert {row["path"] for row in tables["repo_files"]} == {file.path for file in scan(DEMO)}


def source_file(folder, name):
    (folder / name).write_text(f"{name.removesuffix('.py')}()\n")
    return SourceFile(name, str(folder / name), 0, Module("m", is_package=False))


def test_a_worker_that_dies_takes_only_its_file_with_it(tmp_path, monkeypatch):
    run = Worker.run

    def run_or_die(worker, chunk):
        if any(file.path == "killer.py" for file in chunk.files):
            worker.kill()
        return run(worker, chunk)

    monkeypatch.setattr(Worker, "run", run_or_die)
    chunks = [
        Chunk(
            repo="r",
            files=(source_file(tmp_path, "a.py"), source_file(tmp_path, "killer.py"), source_file(tmp_path, "b.py")),
        ),
        Chunk(repo="r", files=(source_file(tmp_path, "c.py"),)),
    ]
    done = [batches for _, results in run_chunks(chunks, 2) for batches in results]
    tables = [dict(zip(chunks[0].tables, batches, strict=True)) for batches in done]
    calls = [row["callee_text"] for table in tables for row in table["cst_callsites"].to_pylist()]
    errors = [(row["path"], row["error_type"]) for table in tables for row in table["cst_parse_errors"].to_pylist()]
    assert calls == ["a", "b", "c"]
    assert errors == [("killer.py", "WorkerDied")]


def test_closing_the_extraction_early_ends_the_workers(monkeypatch):
    started = []
    start = Worker.__init__

    def remember(worker):
        start(worker)
        started.append(worker)

    monkeypatch.setattr(Worker, "__init__", remember)
    monkeypatch.setattr(STREAM, "SMALL_BYTES", 0)
    batches = extract(scan(DEMO), repo="r", parts=8, jobs=2)
    next(batches)
    batches.close()
    assert len(started) == 2
    assert all(not worker.is_alive() for worker in started)


def test_workers_run_no_code_from_the_working_folder(tmp_path, monkeypatch):
    (tmp_path / "json.py").write_text("raise SystemExit('hostile')\n")
    monkeypatch.chdir(tmp_path)
    chunk = Chunk(repo="r", files=(source_file(tmp_path, "a.py"),))
    (results,) = [results for _, results in run_chunks([chunk], 1)]
    assert results[0][chunk.tables.index("cst_callsites")].num_rows == 1


def test_workers_that_cannot_run_at_all_are_one_error(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "executable", shutil.which("false"))
    chunks = [Chunk(repo="r", files=(source_file(tmp_path, f"{name}.py"),)) for name in "abcd"]
    with pytest.raises(WorkersFailedError, match="--jobs 1"):
        list(run_chunks(chunks, 2))
