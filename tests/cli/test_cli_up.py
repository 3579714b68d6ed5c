"""``up`` and ``demo``: what is printed works when pasted, what did not change is left alone, signals end it."""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from cli_process import COMMAND, UNPARSED, environment, in_terminal, serving, succeed

import flight_server
from flight_client import FlightClientError, connect

DEMO = Path(flight_server.__file__).parent / "demo_repo"
SIGNALS = [signal.SIGINT, signal.SIGTERM]


@pytest.fixture
def code(tmp_path):
    return shutil.copytree(DEMO, tmp_path / "code", ignore=shutil.ignore_patterns("__pycache__", *UNPARSED))


def write_files(folder, count):
    folder.mkdir()
    body = "".join(f"def f{n}(x):\n    return print(len(x), f{n}(x))\n" for n in range(300))
    for number in range(count):
        (folder / f"m{number}.py").write_text(body)
    return folder


def test_the_lines_that_up_prints_work_when_a_shell_runs_them(demo):
    lines = demo.read_lines(5)[1:]
    for line, word in zip(lines, ("flight-server sql", "to_pylist", "duckdb", "polars"), strict=True):
        assert word in line
        command = line.replace("python ", f"{sys.executable} ", 1)
        command = command.replace("flight-server ", f"{sys.executable} -m flight_server ", 1)
        done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (0, "")
        assert "qname" in done.stdout


def test_a_second_up_extracts_nothing(code, tmp_path):
    shown = []
    for _ in range(2):
        with serving("up", code, "--store", tmp_path / "store") as server:
            shown.append(server.lines[0])
            assert server.stop() == 0
    assert shown[0].startswith("code: 12 files, 12 extracted, 0 removed, ")
    assert shown[1] == "code: 12 files, nothing changed"


def test_the_default_store_is_the_users_data_folder(code, tmp_path):
    with serving("up", code, "--repo", "mine", home=tmp_path) as server, connect(server.uri) as client:
        assert client.repos() == ["mine"]
    assert (tmp_path / "flight-server" / "repos" / "mine").is_dir()


def test_changed_added_and_removed_files_are_picked_up(code, tmp_path):
    store = tmp_path / "store"
    succeed("ingest", code, "--store", store)
    (code / "report.py").write_text("print('changed')\n")
    (code / "added.py").write_text("import os\nos.getcwd()\n")
    (code / "shop" / "text.py").unlink()
    with serving("up", code, "--store", store) as server:
        assert server.lines[0].startswith("code: 12 files, 2 extracted, 1 removed, ")
        with serving("up", code, "--store", tmp_path / "fresh") as fresh:
            for dataset in ("cst_callsites", "repo_files", "dim_qualified_names"):
                shown = [succeed("get", "code", dataset, "--server", each.uri) for each in (server, fresh)]
                assert shown[0] == shown[1]


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_ends_an_idle_server_with_code_0(number, tmp_path):
    with serving("serve", "--store", tmp_path) as server:
        assert server.stop(number) == 0
        assert "Traceback" not in server.log()


@pytest.fixture(scope="module")
def large(tmp_path_factory):
    """A store whose cst_name_refs is far larger than what gRPC buffers."""
    store = tmp_path_factory.mktemp("large")
    succeed("ingest", write_files(store / "code", 80), "--store", store / "store")
    return store / "store"


@pytest.mark.parametrize(("number", "speed"), [(signal.SIGINT, "slow"), (signal.SIGTERM, "stalled")])
def test_a_signal_ends_a_server_whose_streams_are_not_read(number, speed, large):
    with serving("serve", "--store", large) as server, connect(server.uri) as client:
        stream = client.read("code", "cst_name_refs")
        rows = next(iter(stream)).num_rows
        started = time.monotonic()
        server.process.send_signal(number)
        if speed == "slow":
            with contextlib.suppress(FlightClientError):
                while batch := next(iter(stream), None):
                    rows += batch.num_rows
                    time.sleep(0.1)
        assert server.process.wait(30) == 0
        assert time.monotonic() - started < 20
        assert "Traceback" not in server.log()


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_during_extraction_commits_nothing_and_leaves_nothing(number, tmp_path):
    code, store = write_files(tmp_path / "code", 400), tmp_path / "store"
    words = [*COMMAND, "up", str(code), "--store", str(store), "--port", "0", "--jobs", "2"]
    with subprocess.Popen(
        words,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(tmp_path),
        start_new_session=True,
    ) as process:
        staging = store / "repos" / "code" / "staging"
        deadline = time.monotonic() + 30
        while not list(staging.glob("*/*")) and time.monotonic() < deadline:
            time.sleep(0.01)
        os.killpg(process.pid, number)  # as a terminal does: the extracting processes get it too
        shown, log = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "listening" not in shown
    assert "Traceback" not in log
    assert list(staging.glob("*")) == []
    assert succeed("ls", "--store", store) == ""


def test_a_progress_bar_is_shown_on_a_terminal_only(code, tmp_path):
    words = (*COMMAND, "up", code, "--store", tmp_path / "store", "--port", 0)
    exit_code, shown = in_terminal(words, environment(tmp_path), until="polars")
    assert exit_code == 0
    assert "extracting" in shown
    assert "100%" in shown
    piped = " ".join([*COMMAND, "ingest", str(code), "--store", str(tmp_path / "other"), "| cat"])
    exit_code, shown = in_terminal(["sh", "-c", piped], environment(tmp_path))
    assert exit_code == 0
    assert "12 extracted" in shown
    assert "extracting" not in shown


def test_demo_serves_the_packaged_repo(demo):
    assert demo.lines[0].startswith("demo: 14 files, 14 extracted, ")
    with connect(demo.uri) as client:
        assert client.read("demo", "dim_qualified_names").read_all().num_rows > 100


def test_up_computes_the_call_graph_in_the_background_and_after_commits(code, tmp_path):
    with serving("up", code, "--store", tmp_path / "store") as server, connect(server.uri) as client:
        _wait_until_cached(client, "call_graph")
        client.read("code", "dim_qualified_names").read_all()
        (code / "report.py").write_text("def changed(): return len('')\n")
        succeed("ingest", code, "--to", server.uri)
        _wait_until_cached(client, "call_graph", "dim_qualified_names")
        assert server.log_so_far() == ()


def test_with_no_warm_only_reads_compute(code, tmp_path):
    with serving("up", code, "--store", tmp_path / "store", "--no-warm", "-v") as server:
        with connect(server.uri) as client:
            client.read("code", "cst_defs").read_all()
            assert client.info("code", "call_graph").rows is None
        assert any("do_get" in line for line in server.log_so_far())


def _wait_until_cached(client, *datasets):
    end = time.monotonic() + 60
    while any(client.info("code", dataset).rows is None for dataset in datasets):
        assert time.monotonic() < end
        time.sleep(0.1)
