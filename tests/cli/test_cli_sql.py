"""``sql``: one query in each format, and the prompt in a terminal."""

import json
import os
import pty
import select
import signal
import subprocess
import time

import pyarrow.parquet as pq
import pytest
from cli_process import COMMAND, SECONDS, environment, run, succeed
from pyarrow import csv, ipc

QUERY = "select path, kind, count(*) as n from cst_defs group by all order by all"


@pytest.fixture(scope="module")
def expected(demo):
    done = subprocess.run(
        [*COMMAND, "sql", "demo", QUERY, "--server", demo.uri, "-o", "-"], capture_output=True, check=True
    )
    return ipc.open_stream(done.stdout).read_all()


def test_the_same_rows_in_every_format(demo, expected, tmp_path):
    shown = succeed("sql", "demo", QUERY, "--server", demo.uri, "--format", "jsonl")
    assert [json.loads(line) for line in shown.splitlines()] == expected.to_pylist()
    for suffix, read in (
        (".parquet", pq.read_table),
        (".csv", csv.read_csv),
        (".arrow", lambda p: ipc.open_file(p).read_all()),
    ):
        file = tmp_path / f"rows{suffix}"
        succeed("sql", "demo", QUERY, "--server", demo.uri, "--output", file)
        assert read(file).to_pylist() == expected.to_pylist()
    vertical = succeed("sql", "demo", QUERY, "--server", demo.uri, "--vertical")
    first = expected.to_pylist()[0]
    assert vertical.startswith("row 1\n" + "".join(f"  {name:<4}  {value}\n" for name, value in first.items()))
    table = succeed("sql", "demo", QUERY, "--server", demo.uri, "--format", "table").splitlines()
    assert [cell.strip() for cell in table[2].split("  ") if cell] == [str(value) for value in first.values()]


def test_a_store_is_asked_without_a_server(store, expected):
    shown = succeed("sql", "demo", QUERY, "--store", store)
    assert len(shown.splitlines()) == expected.num_rows + 1


def test_a_pipe_is_read_as_the_query(demo, expected):
    done = subprocess.run(
        [*COMMAND, "sql", "demo", "--server", demo.uri], input=QUERY, capture_output=True, text=True, check=True
    )
    assert len(done.stdout.splitlines()) == expected.num_rows + 1


@pytest.mark.parametrize(
    ("repo", "query", "message"),
    [
        ("demo", "select nothing from cst_defs", 'Referenced column "nothing" not found'),
        ("demo", "drop table cst_defs", "a DROP statement is not allowed; allowed: SELECT"),
        ("nowhere", "select * from cst_defs", "nowhere"),
    ],
)
def test_an_error_is_one_line(demo, repo, query, message):
    done = run("sql", repo, query, "--server", demo.uri)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert message in done.stderr


class Terminal:
    """A command in a terminal, to which text is typed."""

    def __init__(self, words, home):
        self._side, inner = pty.openpty()
        env = {**environment(home), "TERM": "xterm", "COLUMNS": "80"}
        self.process = subprocess.Popen(words, stdin=inner, stdout=inner, stderr=inner, env=env, start_new_session=True)
        os.close(inner)
        self.shown = ""

    def type(self, text):
        self.shown = ""
        os.write(self._side, text.encode())

    def wait_for_answer(self, text):
        """Wait for the text and the next prompt: keys that are typed before it may get lost."""
        self.wait_for(text)
        self.shown = self.shown.partition(text)[2]
        self.wait_for("sql> ")

    def wait_for(self, text):
        end = time.monotonic() + SECONDS
        while text not in self.shown:
            assert time.monotonic() < end, self.shown
            if select.select([self._side], [], [], 1)[0]:
                self.shown += os.read(self._side, 65536).decode(errors="replace")

    def close(self):
        self.process.kill()
        self.process.wait()
        os.close(self._side)


def test_the_prompt_answers_completes_stops_and_remembers(demo, tmp_path):
    terminal = Terminal([*COMMAND, "sql", "demo", "--server", demo.uri], tmp_path)
    try:
        terminal.wait_for("sql> ")
        terminal.type("select count(*) as rows_there\nfrom cst_def\t;\n")
        terminal.wait_for("rows_there")
        terminal.wait_for_answer("1 rows")
        terminal.type("select nothing;\n")
        terminal.wait_for_answer("error: Binder Error")
        terminal.type("select count(*) from range(1000000000) a, range(1000000) b where (a.range * b.range) % 7 = 3;\n")
        terminal.wait_for("computing: ")
        terminal.process.send_signal(signal.SIGINT)
        terminal.wait_for_answer("stopped")
        terminal.type("select 40 + 2 as answer;\n")
        terminal.wait_for_answer("42")
        terminal.type("\x04")
        assert terminal.process.wait(SECONDS) == 0
    finally:
        terminal.close()
    assert "select 40 + 2 as answer;" in (tmp_path / ".flight_server_history").read_text(encoding="utf-8")
