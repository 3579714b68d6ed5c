"""The section ``Columns`` of ``docs/tables.md``, written anew by ``python tests/docs/columns_section.py``."""

from documents import ROOT

from arrowdsl.schema.schema import TableSpec
from flight_client.contracts.notation import meaning
from flight_client.contracts.tables import TABLES, canonical_order

PAGE = ROOT / "docs" / "tables.md"
HEADING = "\n## Columns\n"


def columns_section() -> str:
    """The columns of every table: name, type, meaning."""
    return "\n".join(map(_table, TABLES.values()))


def _table(spec: TableSpec) -> str:
    facts = {"Key": spec.key, "Order": [name for name, _ in canonical_order(spec)]}
    known = [f"{name}: {', '.join(f'`{column}`' for column in columns)}." for name, columns in facts.items() if columns]
    lines = [
        f"- `{column.name}` {column.type}{'' if column.nullable else ', never null'}: {meaning(column)}"
        for column in spec.schema
    ]
    return "\n".join([f"\n### {spec.name}\n", *([" ".join(known), ""] if known else []), *lines])


if __name__ == "__main__":
    text = PAGE.read_text(encoding="utf-8").partition(HEADING)[0]
    PAGE.write_text(f"{text.rstrip()}\n{HEADING}{columns_section()}\n", encoding="utf-8")
