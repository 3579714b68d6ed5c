"""Explains a read without running it: the plan before and after the optimizer, and the rows to be scanned by part."""

from collections.abc import Iterator
from typing import Any

from arrowdsl.compute.expr import describe as spelled
from arrowdsl.plan.nodes import Filter, Plan, Ref, Scan, Union, describe, walk
from arrowdsl.plan.table_scan import skipping
from flight_client.contracts.raw import RAW_TABLES
from flight_server.serving.read import Read
from flight_server.serving.request import request_to_json
from flight_server.serving.snapshot_results import Piece

MOST_CHARACTERS = 2000


def explain(read: Read) -> dict[str, Any]:
    """The explanation as JSON; its key ``text`` has the same for people."""
    by_part = {part: [piece for piece in read.pieces() if piece.part == part] for part in read.parts}
    shown = next(iter(read.parts), None)
    plans = [] if shown is None else [read.plan(piece) for piece in by_part[shown]]
    account = {
        "request": _request(read),
        "contract": read.spec.contract,
        "snapshot": read.snapshot.number,
        "lineage": list(read.output.lineage),
        "tags": dict(read.output.tags),
        "plan": "" if shown is None else describe(read.asked_plan(shown)),
        "optimized": describe(plans[0] if len(plans) == 1 else Union(tuple(plans))) if plans else "",
        "filters": [found for plan in plans for found in _filters(plan)],
        "parts": [{"part": part, **_part_scans(read, found)} for part, found in by_part.items()],
    }
    return {**account, "text": _text(read, account)}


def _request(read: Read) -> dict[str, Any]:
    """The request, of whose long filter only the beginning is repeated."""
    document, where = request_to_json(read.request), read.request.where
    if where is not None and len(str(document["where"])) > MOST_CHARACTERS:
        document["where"] = spelled(where)[:MOST_CHARACTERS]
    return document


def _filters(plan: Plan) -> Iterator[dict[str, str]]:
    """The final places of filters: in a scan, which uses them to skip rows, or above a node that they can't pass."""
    for node in walk(plan):
        match node:
            case Scan(table, predicate=predicate) if predicate is not None:
                yield {"where": spelled(predicate), "at": f"scan {table}"}
            case Filter(child, predicate):
                yield {"where": spelled(predicate), "at": f"above {describe(child).splitlines()[0]}"}


def _part_scans(read: Read, pieces: list[Piece]) -> dict[str, Any]:
    """The scans of one part's pieces; a cached piece is read from its result instead."""
    spans = [None if read.is_raw else read.results.cached(piece, prepare=True) for piece in pieces]
    nodes = [(piece, span, node) for piece, span in zip(pieces, spans, strict=True) for node in walk(read.plan(piece))]
    scans = [(span, _scanned(read, piece, node)) for piece, span, node in nodes if isinstance(node, Scan)]
    cached = [span for span in spans if span is not None]
    run = [scan for span, scan in scans if span is None]
    return {
        "cached": len(cached) == len(pieces),
        "rows": sum(span.rows for span in cached) + sum(scan["rows"] for scan in run),
        "bytes": sum(span.bytes for span in cached) + sum(scan["bytes"] for scan in run),
        "scans": [scan for _, scan in scans],
        "outputs": [node.output for _, _, node in nodes if isinstance(node, Ref)],
    }


def _scanned(read: Read, piece: Piece, scan: Scan) -> dict[str, Any]:
    """The rows and stored bytes that a scan reads, by the files' statistics, and all rows of the table in the part."""
    spec = RAW_TABLES[scan.table]
    columns = spec.schema.names if scan.columns is None else scan.columns
    rows, size = read.snapshot.touched(spec, piece.part, columns, skipping(scan.predicate, spec.plain_schema))
    return {
        "table": scan.table,
        "columns": list(columns),
        "where": None if scan.predicate is None else spelled(scan.predicate),
        "rows": rows,
        "bytes": size,
        "of_rows": read.snapshot.part_rows(scan.table, piece.part),
    }


def _text(read: Read, account: dict[str, Any]) -> str:
    filters = [f"{each['where']}: {each['at']}" for each in account["filters"]]
    lines = [
        f"{read.request.repo}/{read.output.name}, snapshot {read.snapshot.number}",
        f"made from: {', '.join(read.output.lineage)}",
        "asked for:",
        *_indented(account["plan"]),
        "run, part by part, as:",
        *_indented(account["optimized"]),
        *(["filters:", *(f"  {line}" for line in filters)] if filters else []),
        f"parts: {len(read.parts)} of {read.snapshot.parts}",
        *(f"  {_part_line(part)}" for part in account["parts"]),
    ]
    return "\n".join(lines)


def _part_line(part: dict[str, Any]) -> str:
    scans = (f"{scan['table']} ({scan['rows']} of {scan['of_rows']} rows)" for scan in part["scans"])
    outputs = (f"output {name}" for name in part["outputs"])
    how = "cached" if part["cached"] else ", ".join((*scans, *outputs)) or "nothing"
    return f"{part['part']}: {part['rows']} rows, {part['bytes']} bytes: {how}"


def _indented(text: str) -> list[str]:
    return [f"  {line}" for line in text.splitlines()]
