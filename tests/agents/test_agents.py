"""The tools for agents, called by the SDK's own client over stdio and HTTP."""

import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import anyio
import pytest
from mcp import Client, StdioServerParameters

import flight_server
from flight_client import connect
from flight_client.ingest import ingest
from flight_server.pipeline.driver import load_pipeline
from flight_server.rpc.server import FlightServer
from flight_server.serving.service import Service
from flight_server.storage.store import Store

DEMO = Path(flight_server.__file__).parent / "demo_repo"
MCP = [sys.executable, "-m", "flight_server", "mcp", "--server"]
TOOLS = {"repos", "tables", "sql", "find_definition", "callers", "callees", "impact", "source", "changes"}


@pytest.fixture(scope="module")
def uri(tmp_path_factory):
    server = FlightServer(Service(Store(tmp_path_factory.mktemp("store")), load_pipeline()))
    with connect(server.uri) as client:
        ingest(client, DEMO, repo="demo", jobs=1)
    yield server.uri
    server.stop()


@pytest.fixture(params=["stdio", "http"])
def agent(request, uri):
    """What the SDK's client connects to."""
    if request.param == "stdio":
        yield StdioServerParameters(command=MCP[0], args=[*MCP[1:], uri], env=dict(os.environ))
        return
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    running = subprocess.Popen([*MCP, uri, "--http", str(port)], stderr=subprocess.DEVNULL)
    try:
        wait_for(port)
        yield f"http://127.0.0.1:{port}/mcp"
    finally:
        running.terminate()
        running.wait(60)


def wait_for(port):
    for _ in range(600):
        with socket.socket() as probe:
            if not probe.connect_ex(("127.0.0.1", port)):
                return
        time.sleep(0.1)
    pytest.fail("the HTTP port was not opened")


def asked(agent, *questions):
    """The answers of tools, each question a name with its arguments; of an error, its text."""

    async def ask():
        async with Client(agent) as client:
            listed = {tool.name for tool in (await client.list_tools()).tools}
            results = [await client.call_tool(name, arguments) for name, arguments in questions]
        return listed, [each.content[0].text if each.is_error else each.structured_content for each in results]

    return anyio.run(ask)


def test_every_tool(agent, uri):
    listed, answers = asked(
        agent,
        ("repos", {}),
        ("tables", {"repo": "demo"}),
        ("tables", {"repo": "demo", "dataset": "call_graph"}),
        ("sql", {"repo": "demo", "query": "select path from repo_files order by path", "limit": 1}),
        ("find_definition", {"repo": "demo", "name": "total"}),
        ("callers", {"repo": "demo", "qname": "shop.pricing.total"}),
        ("callees", {"repo": "demo", "qname": "shop.pricing.total"}),
        ("impact", {"repo": "demo", "changed": "shop.pricing.total"}),
        ("source", {"repo": "demo", "path": "shop/pricing.py", "line": 1, "end_line": 2}),
    )
    repos, tables, columns, rows, found, callers, callees, impact, source = answers
    assert listed == TOOLS
    assert [(each["repo"], each["snapshot"]) for each in repos["repos"]] == [("demo", 1)]
    assert {"call_graph", "definitions"} <= {each["name"] for each in tables["datasets"]}
    assert any(each["name"] == "confidence" and each["meaning"] for each in columns["columns"])
    assert (len(rows["rows"]), rows["more"], rows["snapshot"]) == (1, True, 1)
    with connect(uri) as client:
        for answer, macro in ((callers, "callers"), (callees, "callees")):
            query = f"select * from {macro}('shop.pricing.total', depth => 1) where depth > 0"
            assert answer["rows"] == client.sql(query, repo="demo").read_all().to_pylist()
            assert answer["rows"]
            assert "confidence" in answer["note"]
    assert [each["qname"] for each in found["rows"]] == ["shop.pricing.total"]
    assert impact["rows"]
    lines = (DEMO / "shop" / "pricing.py").read_text(encoding="utf-8").splitlines()
    assert source["source"] == f"1: {lines[0]}\n2: {lines[1]}"


def test_errors_are_the_servers(agent):
    _, answers = asked(
        agent,
        ("sql", {"repo": "demo", "query": "drop table cst_defs"}),
        ("sql", {"repo": "nowhere", "query": "select 1"}),
        ("callers", {"repo": "demo", "qname": "pricing.total"}),
        ("source", {"repo": "demo", "path": "none.py"}),
    )
    statement, repo, name, path = answers
    assert "sql_not_allowed" in statement
    assert "there is no repo nowhere" in repo
    assert "defines no pricing.total; near: shop.pricing.total" in name
    assert "no text of a file 'none.py'" in path


def test_changes_between_snapshots(tmp_path):
    source = tmp_path / "source"
    source.mkdir()
    (source / "a.py").write_text("def f():\n    pass\n", encoding="utf-8")
    server = FlightServer(Service(Store(tmp_path / "store"), load_pipeline()))
    try:
        with connect(server.uri) as client:
            ingest(client, source, repo="r", jobs=1)
            # a form feed ends no line of Python
            (source / "a.py").write_text("def f():\n    pass\n\f\n\ndef g():\n    f()\n", encoding="utf-8")
            ingest(client, source, repo="r", jobs=1)
        agent = StdioServerParameters(command=MCP[0], args=[*MCP[1:], server.uri], env=dict(os.environ))
        place = {"repo": "r", "path": "a.py", "line": 5, "end_line": 5}
        _, [changed, found] = asked(agent, ("changes", {"repo": "r", "since": 1}), ("source", place))
        assert (found["source"], found["snapshot"]) == ("5: def g():", 2)
        assert "a.g" in {row["qname"] for row in changed["definitions"]}
        assert changed["datasets"]["definitions"]["added"] >= 1
    finally:
        server.stop()
