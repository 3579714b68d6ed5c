"""Golden files: every table's rows over the demo repo, a line of JSON each.

To write them anew after a wanted change, with an interpreter of 3.12 or newer (``generic.py`` has its syntax):
``python tests/extract/extract_golden.py``; then review the difference. Nulls are left out, and so
are the columns that a reader can't check or that differ by machine; a file's id is written as its path.
"""

import json
from pathlib import Path

from extract_rows import DEMO, tables_of

from flight_client.extract import DEFAULT_LAYERS
from flight_client.extract.flow_rows import FlowRows
from flight_client.extract.layers import tables_of as layer_tables

GOLDEN = Path(__file__).parent / "golden"
NEEDS_3_12 = "shop/generic.py"
LAYERS = [*DEFAULT_LAYERS, "ts"]  # bytecode is another on each interpreter
_LEFT_OUT = frozenset({"file_id", "abs_path", "text", "bytes"})
_SAMPLED = {
    "ts_nodes": {"shop/broken.py", "shop/generic.py", "shop/text.py"},
    **{name: {"shop/generic.py", "shop/orders.py", "shop/pricing.py"} for name in FlowRows().tables()},
}


def golden_lines() -> dict[str, list[str]]:
    """The lines of each table's golden file."""
    tables = tables_of(DEMO, layers=LAYERS)
    paths = {row["file_id"]: row["path"] for row in tables["repo_files"]}
    lines = {}
    for table in layer_tables(LAYERS):
        chosen = _SAMPLED.get(table, set(paths.values()))
        lines[table] = [_line(row, paths[row["file_id"]]) for row in tables[table] if paths[row["file_id"]] in chosen]
    return lines


def _line(row: dict[str, object], path: str) -> str:
    """A row; those of a table without paths get one, to be told apart by."""
    kept = {name: value for name, value in row.items() if value is not None and name not in _LEFT_OUT}
    return json.dumps({"path": path, **kept}, ensure_ascii=False).replace(row["file_id"], path)


def lines_that_all_parse(lines: list[str]) -> list[str]:
    return [line for line in lines if json.loads(line)["path"] != NEEDS_3_12]


def main() -> None:
    GOLDEN.mkdir(exist_ok=True)
    for table, lines in golden_lines().items():
        (GOLDEN / f"{table}.jsonl").write_text("".join(line + "\n" for line in lines), encoding="utf-8")


if __name__ == "__main__":
    main()
