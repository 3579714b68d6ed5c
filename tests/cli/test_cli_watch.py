"""``--watch``: what is saved is ingested at once, and what was done is said."""

import shutil
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from cli_process import COMMAND, UNPARSED, environment, run, serving, succeed

import flight_server
from flight_client import connect

DEMO = Path(flight_server.__file__).parent / "demo_repo"
WITHOUT = """
import sys
sys.modules["watchfiles"] = None
from flight_server.cli.main import main
main()
"""


@pytest.fixture
def code(tmp_path):
    return shutil.copytree(DEMO, tmp_path / "code", ignore=shutil.ignore_patterns("__pycache__", *UNPARSED))


@pytest.fixture
def says():
    """Waits for a line that a process prints; fails when none comes. A file may be seen before all of it is written."""

    def wait(process, start):
        lines = [""]
        while not lines[-1].startswith(start):
            lines.append(threads.submit(process.stdout.readline).result(60))
            assert lines[-1], lines
        return lines[-1]

    with ThreadPoolExecutor() as threads:
        yield wait


def test_up_ingests_what_is_saved_and_says_so(code, tmp_path, says):
    with serving("up", code, "--store", tmp_path / "store", "--watch") as server, connect(server.uri) as client:
        server.read_lines(3)
        (code / "report.py").write_text("def saved():\n    return saved()\n")
        says(server.process, "code: 12 files, 1 extracted, 0 removed, ")
        assert "saved" in client.read("code", "cst_defs").read_all()["name"].to_pylist()
        (code / "more").mkdir()
        (code / "more" / "new.py").write_text("x = 1\n")
        says(server.process, "code: 13 files, 1 extracted, 0 removed, ")
        shutil.rmtree(code / "more")
        says(server.process, "code: 12 files, 0 extracted, 1 removed, ")
        (code / ".gitignore").write_text("shop/\n")
        says(server.process, "code: 1 files, 0 extracted, 11 removed, ")
        assert server.stop(signal.SIGINT) == 0
        assert "Traceback" not in server.log()


def test_what_goes_wrong_is_said_and_the_watch_goes_on(code, tmp_path, says):
    with serving("up", code, "--store", tmp_path / "store", "--watch") as server:
        server.read_lines(3)
        (code / ".gitignore").write_text("*\n")
        while "error: no Python source under" not in "".join(server.log_so_far()):
            assert server.process.poll() is None
            time.sleep(0.05)
        (code / ".gitignore").write_text("shop/\n")
        says(server.process, "code: 1 files, 0 extracted, 11 removed, ")
        assert server.stop(signal.SIGTERM) == 0


def test_a_folder_that_is_removed_and_made_again_is_watched_again(code, tmp_path, says):
    with serving("up", code, "--store", tmp_path / "store", "--watch") as server, connect(server.uri) as client:
        server.read_lines(3)
        shutil.rmtree(code)
        time.sleep(1.5)
        shutil.copytree(DEMO, code, ignore=shutil.ignore_patterns("__pycache__", *UNPARSED))
        (code / "again.py").write_text("def again():\n    pass\n")
        says(server.process, "code: 13 files, 1 extracted, ")
        (code / "later.py").write_text("x = 1\n")
        says(server.process, "code: 14 files, 1 extracted, ")
        assert "again" in client.read("code", "cst_defs").read_all()["name"].to_pylist()


def test_ingest_watches_for_a_server_elsewhere(code, tmp_path, says):
    words = [*COMMAND, "ingest", str(code), "--watch", "--to"]
    with (
        serving("serve", "--store", tmp_path / "store") as server,
        subprocess.Popen(
            [*words, server.uri], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment(tmp_path)
        ) as process,
    ):
        says(process, "code: 12 files, 12 extracted, ")
        (code / "report.py").write_text("x = 1\n")
        says(process, "code: 12 files, 1 extracted, ")
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 0
        assert process.stderr.read() == ""


def test_a_missing_library_is_named_before_anything_is_done(code, tmp_path):
    words = [sys.executable, "-c", WITHOUT, "up", str(code), "--store", str(tmp_path / "store"), "--watch"]
    done = subprocess.run(words, capture_output=True, text=True, env=environment(tmp_path), check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "error: --watch needs watchfiles: pip install 'flight-server[watch]'\n"
    assert not (tmp_path / "store").exists()


def test_globs_choose_what_is_ingested(code, tmp_path):
    store = ("--store", tmp_path / "store")
    shown = succeed("ingest", code, *store, "--include", "shop/", "--exclude", "storage/", "--exclude", "broken.py")
    assert shown.startswith("code: 8 files, 8 extracted")
    assert succeed("ingest", code, *store).startswith("code: 12 files, 4 extracted, 0 removed, ")
    done = run("ingest", code, *store, "--include", "[")
    assert (done.returncode, done.stderr.splitlines()) == (
        2,
        ["error: the glob '[' can match nothing; write it as in a .gitignore file"],
    )
