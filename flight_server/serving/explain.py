"""What a read would do: its plan before and after the optimizer, and what it would touch in each part."""

from typing import Any

from arrowdsl.compute.expr import describe as describe_expression
from arrowdsl.plan.nodes import Plan, Ref, Scan, describe, walk
from flight_server.serving.read import Read
from flight_server.serving.request import request_to_json
from flight_server.storage.paths import Part


def explain(read: Read) -> dict[str, Any]:
    """The account as JSON; its key ``text`` has the same for people to read."""
    plans = dict(read.optimized())
    shown = next(iter(plans), None)
    account = {
        "request": request_to_json(read.request),
        "contract": read.spec.contract,
        "snapshot": read.snapshot.number,
        "lineage": list(read.output.lineage),
        "tags": dict(read.output.tags),
        "plan": "" if shown is None else describe(read.plan(shown)),
        "optimized": "" if shown is None else describe(plans[shown]),
        "parts": [_touched(read, part, plan) for part, plan in plans.items()],
    }
    return {**account, "text": _text(read, account)}


def _touched(read: Read, part: Part, plan: Plan) -> dict[str, Any]:
    """The scans of one part's plan: table, columns, filter, and the rows that the table has there."""
    nodes = list(walk(plan))
    return {
        "part": part,
        "scans": [
            {
                "table": node.table,
                "columns": list(node.columns or ()),
                "where": None if node.predicate is None else describe_expression(node.predicate),
                "rows": read.snapshot.part_rows(node.table, part),
            }
            for node in nodes
            if isinstance(node, Scan)
        ],
        "outputs": [node.output for node in nodes if isinstance(node, Ref)],
    }


def _text(read: Read, account: dict[str, Any]) -> str:
    lines = [
        f"{read.request.repo}/{read.output.name}, snapshot {read.snapshot.number}",
        f"made from: {', '.join(read.output.lineage)}",
        "asked for:",
        *_indented(account["plan"]),
        "run, part by part, as:",
        *_indented(account["optimized"]),
        f"parts: {len(read.parts)} of {read.snapshot.parts}",
    ]
    for part in account["parts"]:
        scans = (f"{scan['table']} ({scan['rows']} rows)" for scan in part["scans"])
        outputs = (f"output {name}" for name in part["outputs"])
        lines.append(f"  {part['part']}: {', '.join((*scans, *outputs))}")
    return "\n".join(lines)


def _indented(text: str) -> list[str]:
    return [f"  {line}" for line in text.splitlines()]
