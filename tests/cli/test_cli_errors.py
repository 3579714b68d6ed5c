"""What a user may get wrong: exit code 2, one line on stderr, no traceback."""

import os
import socket
from ipaddress import IPv4Address

import pytest
from cli_process import run

EVERYWHERE = str(IPv4Address(0))


def assert_one_line(done, *parts):
    assert done.returncode == 2
    assert done.stdout == ""
    [line] = done.stderr.splitlines()
    assert line.startswith("error: ")
    for part in parts:
        assert part in line


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (("get", "nope", "cst_defs"), "no repo nope"),
        (("get", "demo", "nope"), "unknown dataset 'nope'"),
        (("get", "demo", "cst_defs", "--columns", "nope"), "unknown columns: nope"),
        (("get", "demo", "cst_defs", "--columns", ""), "columns"),
        (("get", "demo", "cst_defs", "--where", "{"), "not JSON"),
        (("get", "demo", "cst_defs", "--where", "[]"), "the filter is not understood from '[]' on"),
        (("get", "demo", "cst_defs", "--where", "kind = "), "the filter has the end at character 8"),
        (("get", "demo", "cst_defs", "--where", "{}"), ""),
        (("get", "demo", "cst_defs", "--where", "{" + "[" * 99_999), "not JSON"),
        (("get", "demo", "cst_defs", "--snapshot", 99), "no snapshot 99"),
        (("get", "demo", "cst_defs", "-o", "x.txt"), "must end in one of .parquet, .arrow, .csv"),
        (("get", "demo", "cst_defs", "-o", "/nonexistent/x.csv"), "/nonexistent/x.csv"),
        (("info", "demo", "nope"), "unknown dataset"),
        (("info", "../demo", "cst_defs"), "is not a valid repo name"),
        (("ls", "nope"), "no repo nope"),
        (("explain", "demo", "nope"), "unknown dataset"),
        (("drop", "nope"), "no repo nope"),
        (("put", "demo", "nope", __file__), "must end in one of"),
        (("put", "demo", "cst_defs", "nope.parquet"), "nope.parquet"),
    ],
)
def test_a_request_that_the_server_refuses(demo, arguments, part):
    assert_one_line(run(*arguments, "--server", demo.uri), part)


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (("ls", "--server", "grpc://127.0.0.1:1"), "no Flight server answers at grpc://127.0.0.1:1"),
        (("ls", "--server", "nonsense"), "nonsense"),
        (("ls", "--server", "http://127.0.0.1:1"), "http"),
        (("ls", "--server", "grpc://127.0.0.1:nope"), "grpc://127.0.0.1:nope"),
        (("ls", "--server", "grpc://127.0.0.1:1", "--store", "x"), "not both"),
        (("ingest", ".", "--to", "grpc://127.0.0.1:1", "--store", "x"), "give --to or --store, not both"),
        (("ingest", ".", "--scip-prefix", "src="), "--scip-prefix needs --scip"),
        (("ingest", ".", "--runtime-timeout", "5"), "--runtime-timeout needs --runtime"),
        (("ingest", ".", "--runtime-python", "python3"), "--runtime-python needs --runtime"),
        (("nope",), "No such command"),
        (("get",), "Missing argument"),
        (("get", "a", "b", "--limit", "-1"), "--limit"),
        (("up", "/nonexistent"), "/nonexistent is not a folder"),
        (("up", __file__), "is not a folder"),
        (("up", "x" * 5000), "File name too long"),
        (("ingest", "/nonexistent"), "/nonexistent is not a folder"),
        (("ingest", __file__), "is not a folder"),
        (("up", ".", "--host", "::"), "refusing to listen on ::"),
        (("up", ".", "--host", EVERYWHERE), f"refusing to listen on {EVERYWHERE}"),
        (("serve", "--host", "example.com"), "refusing to listen on example.com"),
        (("serve", "--port", "70000"), "--port"),
        (("serve", "--store", __file__), "--store"),
        (("serve", "--store", "/proc/store"), "could not be written"),
        (("up", ".", "--repo", "../x"), "is not a valid repo name"),
    ],
)
def test_a_command_that_can_not_work(tmp_path, arguments, part):
    if arguments[0] in {"up", "serve"} and "--port" not in arguments:
        arguments = (*arguments, "--port", 0)
    if arguments[0] in {"up", "serve", "ingest"} and "--store" not in arguments:
        arguments = (*arguments, "--store", tmp_path / "store")
    assert_one_line(run(*arguments, home=tmp_path), part)


def test_a_port_in_use(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert_one_line(run("serve", "--store", tmp_path, "--port", port), f"can't listen on 127.0.0.1:{port}")


def test_an_empty_folder(tmp_path):
    (tmp_path / "empty").mkdir()
    done = run("ingest", tmp_path / "empty", "--store", tmp_path / "store")
    assert_one_line(done, "no Python")


def test_files_that_are_no_tables(tmp_path):
    for suffix in ("parquet", "arrow", "csv"):
        file = tmp_path / f"x.{suffix}"
        file.write_bytes(b"\xff\0\x01" if suffix != "csv" else b"")
        assert_one_line(run("put", "r", "cst_defs", file, "--store", tmp_path / "store"), f"x.{suffix}")


def test_a_table_that_does_not_fit(tmp_path):
    file = tmp_path / "x.csv"
    file.write_text("path,file_id\na.py,f\n")
    done = run("put", "r", "cst_defs", file, "--store", tmp_path / "store")
    assert_one_line(done, "def_id")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read and write everywhere")
def test_what_may_not_be_read_or_written(tmp_path):
    closed = tmp_path / "closed"
    closed.mkdir()
    (closed / "a.py").write_text("a()")
    closed.chmod(0)
    try:
        assert_one_line(run("ls", "--store", closed / "store"), "ermission denied")
        assert_one_line(run("ingest", closed, "--store", tmp_path / "store"), "ermission denied")
    finally:
        closed.chmod(0o700)


def test_an_unreadable_file_is_named_or_passed_over(tmp_path):
    code = tmp_path / "code"
    code.mkdir()
    (code / "good.py").write_text("a()\n")
    (code / "broken_link.py").symlink_to(tmp_path / "nowhere")
    os.mkfifo(code / "fifo.py")
    done = run("ingest", code, "--store", tmp_path / "store")
    assert done.returncode in {0, 2}
    assert "Traceback" not in done.stderr
    assert done.returncode == 0 or len(done.stderr.splitlines()) == 1
