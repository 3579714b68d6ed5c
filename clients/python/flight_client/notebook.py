"""Schemas as HTML, which notebooks show for a dataset."""

from html import escape

import pyarrow as pa

from flight_client.contracts.notation import meaning


def html_of(title: str, schema: pa.Schema) -> str:
    """A table of the columns: names, types, whether null is allowed, and the descriptions from the contract."""
    lines = [
        _row("td", [field.name, str(field.type), "" if field.nullable else "not null", meaning(field)])
        for field in schema
    ]
    head = _row("th", ["column", "type", "", "description"])
    return f"<table><caption>{escape(title)}</caption><thead>{head}</thead><tbody>{''.join(lines)}</tbody></table>"


def _row(tag: str, cells: list[str]) -> str:
    return f"<tr>{''.join(f'<{tag}>{escape(cell)}</{tag}>' for cell in cells)}</tr>"
