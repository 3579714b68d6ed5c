"""The examples in the documents run: Python against a real server, tickets and commands through their parsers."""

import json
import shlex
import subprocess
import sys
from importlib import resources
from pathlib import Path

import duckdb
import pytest
from documents import Block, blocks
from pyarrow import flight

import flight_server
from flight_client import connect
from flight_client.ingest import ingest
from flight_server.cli.hosting import open_server, serving
from flight_server.cli.main import commands
from flight_server.cli.session import DEFAULT_URI
from flight_server.rpc.codec import asked_in_ticket, lookup_of_descriptor
from flight_server.serving.sql.macro_texts import MACROS, macros_used


@pytest.fixture(scope="module")
def uri(tmp_path_factory):
    """A server that has the example repo under the name that the documents use."""
    server = open_server(tmp_path_factory.mktemp("store"))
    with serving(server), resources.as_file(resources.files(flight_server) / "demo_repo") as source:
        with connect(server.uri) as client:
            ingest(client, source, repo="django", jobs=1)
        yield server.uri


@pytest.mark.parametrize("block", blocks("python"), ids=lambda block: block.where)
def test_python_runs(block: Block, uri: str, tmp_path: Path) -> None:
    script = tmp_path / "snippet.py"
    script.write_text(block.code.replace(DEFAULT_URI, uri), encoding="utf-8")
    assert DEFAULT_URI in block.code
    command = [sys.executable, script]
    run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    assert (run.returncode, run.stderr) == (0, "")


@pytest.fixture(scope="module")
def tables(uri):
    """The tables and questions that the queries use."""
    connection = duckdb.connect()
    with connect(uri) as client:
        for dataset in client.datasets("django"):
            connection.register(dataset, client.dataset("django", dataset))
        for text in {key: text for name in MACROS for key, text in macros_used(name).items()}.values():
            connection.execute(text)
        yield connection


@pytest.mark.parametrize("block", blocks("sql"), ids=lambda block: block.where)
def test_queries_run_and_find_something(block: Block, tables: duckdb.DuckDBPyConnection) -> None:
    finds_circles = "importer = imported" in block.code  # of which the example has none
    assert bool(tables.sql(block.code).fetchall()) != finds_circles


@pytest.mark.parametrize("block", blocks("json"), ids=lambda block: block.where)
def test_tickets_are_understood(block: Block) -> None:
    document = json.loads(block.code)
    if "key" in document:  # the command of a lookup
        lookup_of_descriptor(flight.FlightDescriptor.for_command(block.code))
    else:
        asked_in_ticket(flight.Ticket(block.code))


@pytest.mark.parametrize("block", blocks("console"), ids=lambda block: block.where)
def test_commands_are_understood(block: Block) -> None:
    lines = [shlex.split(line.removeprefix("$ ")) for line in block.code.splitlines() if line.startswith("$ ")]
    assert lines
    for program, *arguments in lines:
        assert program in {"pip", "python", "pytest", "flight-server"}
        if program == "flight-server":
            name, *rest = arguments
            commands.get_command(commands.make_context("", arguments), name).make_context(name, rest)
