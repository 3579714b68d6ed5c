"""The MCP server: each question as a tool, over stdio, or over HTTP on this machine."""

from collections.abc import Callable
from typing import Any

import anyio
from mcp.server import MCPServer
from mcp.server.mcpserver.exceptions import ToolError

from flight_client import Client, FlightClientError
from flight_server.agents.questions import MOST_LINES, ROWS, Questions

INSTRUCTIONS = (
    "Facts about Python repositories, as tables of a snapshot: definitions, calls, references, a code property graph."
    " Start with repos, find_definition or sql; qualified names look like package.module.Class.method. Call edges are"
    " computed, with a confidence; unresolved counts what is not known. Paths are relative to the repository."
)


def agent_server(client: Client) -> MCPServer:
    """The tools over the repositories of one server."""
    ask = Questions(client)
    server = MCPServer("flight-server", instructions=INSTRUCTIONS)

    @server.tool()
    async def repos() -> dict[str, Any]:
        """List the repositories, each with its newest snapshot and when that was made."""
        return await _answer(ask.repos)

    @server.tool()
    async def tables(repo: str, dataset: str = "") -> dict[str, Any]:
        """List the tables of a repository; with a dataset, its columns and what they mean."""
        return await _answer(lambda: ask.columns(repo, dataset) if dataset else ask.tables(repo))

    @server.tool()
    async def sql(repo: str, query: str, limit: int = ROWS) -> dict[str, Any]:
        """Run one SQL query (DuckDB's dialect, read only) over the tables of a repository."""
        return await _answer(lambda: ask.sql(repo, query, limit))

    @server.tool()
    async def find_definition(repo: str, name: str, limit: int = ROWS) -> dict[str, Any]:
        """Find where a module, class or function is defined, by its name or the end of its qualified name."""
        return await _answer(lambda: ask.definitions(repo, name, limit))

    @server.tool()
    async def callers(repo: str, qname: str, depth: int = 1, limit: int = ROWS) -> dict[str, Any]:
        """Who calls a function, by its qualified name; depth 2 adds the callers of these, and so on."""
        return await _answer(lambda: ask.calls(repo, "callers", qname, depth, limit))

    @server.tool()
    async def callees(repo: str, qname: str, depth: int = 1, limit: int = ROWS) -> dict[str, Any]:
        """What a function calls, by its qualified name."""
        return await _answer(lambda: ask.calls(repo, "callees", qname, depth, limit))

    @server.tool()
    async def impact(repo: str, changed: str, limit: int = ROWS) -> dict[str, Any]:
        """What a change of a file (by path) or definition (by qualified name) may affect."""
        return await _answer(lambda: ask.impact(repo, changed, limit))

    @server.tool()
    async def source(repo: str, path: str, line: int = 1, end_line: int = MOST_LINES) -> dict[str, Any]:
        """The numbered source lines of a file from line to end_line."""
        return await _answer(lambda: ask.source(repo, path, line, end_line))

    @server.tool()
    async def changes(repo: str, since: int) -> dict[str, Any]:
        """What changed between the snapshot since and the newest one: counts of rows, and definitions."""
        return await _answer(lambda: ask.changes(repo, since))

    return server


def serve_agents(client: Client, port: int | None) -> None:
    """Serve until the agent closes its end, or the process is stopped; without a ``port``, on stdin and stdout."""
    server = agent_server(client)
    if port is None:
        server.run("stdio")
    else:
        server.run("streamable-http", host="127.0.0.1", port=port)


async def _answer(question: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """The answer, found in a thread of its own; the server's errors are the tool's, with their message."""
    try:
        return await anyio.to_thread.run_sync(question)
    except FlightClientError as error:
        raise ToolError(str(error)) from None
