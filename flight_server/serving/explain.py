"""What a read would do: its plan before and after the optimizer, and what it would touch in each part."""

from collections.abc import Iterator
from typing import Any

from arrowdsl.compute.expr import describe as spelled
from arrowdsl.plan.nodes import Filter, Plan, Ref, Scan, Union, describe, walk
from arrowdsl.plan.table_scan import skipping
from flight_client.contracts.raw import RAW_TABLES
from flight_server.serving.read import Read
from flight_server.serving.request import request_to_json
from flight_server.serving.units import Unit


def explain(read: Read) -> dict[str, Any]:
    """The account as JSON; its key ``text`` has the same for people to read."""
    units = list(read.units())
    by_part = {part: [unit for unit in units if unit.catalog.part == part] for part in read.parts}
    shown = next(iter(read.parts), None)
    plans = [unit.plan for unit in by_part.get(shown, ())] if shown is not None else []
    account = {
        "request": request_to_json(read.request),
        "contract": read.spec.contract,
        "snapshot": read.snapshot.number,
        "lineage": list(read.output.lineage),
        "tags": dict(read.output.tags),
        "plan": "" if shown is None else describe(read.plan(shown)),
        "optimized": describe(plans[0] if len(plans) == 1 else Union(tuple(plans))) if plans else "",
        "filters": [found for plan in plans for found in _filters(plan)],
        "parts": [{"part": part, **_touched(found)} for part, found in by_part.items()],
    }
    return {**account, "text": _text(read, account)}


def _filters(plan: Plan) -> Iterator[dict[str, str]]:
    """Where filters ended up: in a scan, which skips rows by them, or above a node that they can't pass."""
    for node in walk(plan):
        match node:
            case Scan(table, predicate=predicate) if predicate is not None:
                yield {"where": spelled(predicate), "at": f"scan {table}"}
            case Filter(child, predicate):
                yield {"where": spelled(predicate), "at": f"above {describe(child).splitlines()[0]}"}


def _touched(units: list[Unit]) -> dict[str, Any]:
    """What the units of one part scan; where there is an artifact its rows are read instead."""
    kept = [unit.found() for unit in units]
    spans = [artifact.span(unit.part) for unit, artifact in zip(units, kept, strict=True) if artifact is not None]
    nodes = [(unit, artifact, node) for unit, artifact in zip(units, kept, strict=True) for node in walk(unit.plan)]
    scans = [_scanned(unit, node) for unit, _, node in nodes if isinstance(node, Scan)]
    read = [_scanned(unit, node) for unit, artifact, node in nodes if isinstance(node, Scan) and artifact is None]
    return {
        "cached": len(spans) == len(units),
        "rows": sum(span.rows for span in spans) + sum(scan["rows"] for scan in read),
        "bytes": sum(span.bytes for span in spans) + sum(scan["bytes"] for scan in read),
        "scans": scans,
        "outputs": [node.output for _, _, node in nodes if isinstance(node, Ref)],
    }


def _scanned(unit: Unit, scan: Scan) -> dict[str, Any]:
    """The rows and stored bytes that a scan reads, by the files' statistics, and the rows that the table has there."""
    snapshot, part, spec = unit.catalog.snapshot, unit.catalog.part, RAW_TABLES[scan.table]
    columns = spec.schema.names if scan.columns is None else scan.columns
    rows, size = snapshot.touched(spec, part, columns, skipping(scan.predicate, spec.plain_schema))
    return {
        "table": scan.table,
        "columns": list(columns),
        "where": None if scan.predicate is None else spelled(scan.predicate),
        "rows": rows,
        "bytes": size,
        "of_rows": snapshot.part_rows(scan.table, part),
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
