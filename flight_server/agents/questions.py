"""The questions that an agent may ask: each is answered by a few rows, with the snapshot that they come from.

An answer is small, since an agent pays for each word: at most ``limit`` rows, and it says whether there were more. Rows
about calls have a confidence, and the number of calls of the same name that could not be resolved.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from threading import Timer
from typing import Any, Literal

from flight_client import Client, FlightClientError, StreamClosedError
from flight_client.contracts.notation import meaning
from flight_client.tickets import whole_number

ROWS, MOST_ROWS = 50, 1000
MOST_LINES = 400
SECONDS = 60.0  # of one query
TEXT_CHARACTERS = 2000  # of one value
_LINE_END = re.compile(r"\r\n|\r|\n")  # where Python ends a line; a form feed is no end
_DEFINITIONS = """
    select qname, kind, signature, doc, path, line, end_line from definitions
    where qname = $name or ends_with(qname, '.' || $name) order by qname, path, line
"""
_CALLS = {
    "callers": "select * from callers($qname, depth => $depth) where depth > 0",
    "callees": "select * from callees($qname, depth => $depth) where depth > 0",
}
CALLS_NOTE = (
    "confidence: the share of such calls that are seen when test suites run; unresolved: calls of the same name whose"
    " callee is not known, so they may belong here too"
)


@dataclass(frozen=True)
class Questions:
    """The questions, asked of one server."""

    client: Client

    def repos(self) -> dict[str, Any]:
        """The repositories, with their newest snapshot and when it was made."""
        found = []
        for repo in self.client.repos():
            stats = self.client.stats(repo)
            found.append({"repo": repo, "snapshot": stats["snapshot"], "created": stats["created"]})
        return {"repos": found}

    def tables(self, repo: str) -> dict[str, Any]:
        """The datasets of a repository, with what a row of each is."""
        infos = self.client.infos(repo)
        return {"datasets": [{"name": each.dataset, "row": each.metadata.get("summary")} for each in infos]}

    def columns(self, repo: str, dataset: str) -> dict[str, Any]:
        """The columns of a dataset, with their types and meaning."""
        info = self.client.info(repo, dataset)
        columns = [{"name": each.name, "type": str(each.type), "meaning": meaning(each)} for each in info.schema]
        return {"dataset": dataset, "snapshot": info.metadata.get("snapshot"), "rows": info.rows, "columns": columns}

    def sql(self, repo: str, query: str, limit: int = ROWS, values: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """The first rows of a query, which may run for SECONDS."""
        most = max(1, min(limit, MOST_ROWS))
        snapshot = self.client.stats(repo)["snapshot"]
        rows: list[dict[str, Any]] = []
        with self.client.sql(query, values or {}, repo=repo) as reader:
            alarm = Timer(SECONDS, reader.close)
            alarm.start()
            try:
                for batch in reader:
                    rows += batch.slice(0, most + 1 - len(rows)).to_pylist()
                    if len(rows) > most:
                        break
            except StreamClosedError:
                raise FlightClientError("timed_out", f"the query ran for more than {SECONDS:g} s") from None
            finally:
                alarm.cancel()
        shown = [{name: _shortened(value) for name, value in row.items()} for row in rows[:most]]
        return {"repo": repo, "snapshot": snapshot, "rows": shown, "more": len(rows) > most}

    def definitions(self, repo: str, name: str, limit: int = ROWS) -> dict[str, Any]:
        """The definitions of a name: of this qualified name, or one that ends in it."""
        return self.sql(repo, _DEFINITIONS, limit, {"name": name})

    def calls(
        self, repo: str, way: Literal["callers", "callees"], qname: str, depth: int, limit: int = ROWS
    ) -> dict[str, Any]:
        """The rows of ``callers`` or ``callees``; a qualified name that is not defined is an error."""
        self._require(repo, qname)
        return {**self.sql(repo, _CALLS[way], limit, {"qname": qname, "depth": depth}), "note": CALLS_NOTE}

    def impact(self, repo: str, changed: str, limit: int = ROWS) -> dict[str, Any]:
        """What may be affected by a change of a file or definition."""
        return self.sql(repo, "select * from impact($changed)", limit, {"changed": changed})

    def source(self, repo: str, path: str, line: int, end_line: int) -> dict[str, Any]:
        """The lines of a file, numbered."""
        where = {"op": "=", "args": [{"property": "path"}, path]}
        snapshot = whole_number(self.client.stats(repo), "snapshot")
        found = self.client.read(repo, "repo_files", columns=["text"], where=where, snapshot=snapshot).read_all()
        if not found.num_rows or not found["text"][0].is_valid:
            raise FlightClientError("unknown_path", f"{repo} has no text of a file {path!r}")
        lines = _LINE_END.split(found["text"][0].as_py())
        first = max(1, line)
        last = min(len(lines), max(first, end_line), first + MOST_LINES - 1)
        shown = "\n".join(f"{number}: {lines[number - 1]}" for number in range(first, last + 1))
        return {"path": path, "snapshot": snapshot, "lines": len(lines), "source": shown}

    def changes(self, repo: str, since: int) -> dict[str, Any]:
        """How many rows differ between an older snapshot and the newest one, and the definitions that do."""
        counts = self.client.maintenance.diff(repo, since, datasets=("definitions", "calls"))
        columns = ["qname", "path", "line"]
        reader = self.client.read(repo, "definitions", columns=columns, since=since, limit=ROWS)
        with reader:
            rows = [row for batch in reader for row in batch.to_pylist()]
        return {**counts, "definitions": rows}

    def _require(self, repo: str, qname: str) -> None:
        if not self.sql(repo, "select 1 as one from definitions where qname = $qname", 1, {"qname": qname})["rows"]:
            near = [row["qname"] for row in self.definitions(repo, qname.rpartition(".")[2], 5)["rows"]]
            raise FlightClientError("unknown_name", f"{repo} defines no {qname}; near: {', '.join(near) or 'none'}")


def _shortened(value: object) -> object:
    if isinstance(value, str) and len(value) > TEXT_CHARACTERS:
        return f"{value[:TEXT_CHARACTERS]}…"
    return value
