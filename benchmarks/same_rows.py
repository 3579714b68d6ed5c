#!/usr/bin/env python3
"""Compare every dataset of a repo on two servers, row by row: ``same_rows.py URI URI REPO``.

Prints a line for each dataset: rows on either side, and how many rows stand on one side alone. The order of rows does
not count, and a file's id counts as the file's path. ``--without COLUMN`` leaves a column out of the comparison, for
ids that are made in another way; ``--rewrite PATTERN TEXT`` replaces each match of a regular expression in the texts of
both sides. Both may be given several times.
"""

import argparse
import json
import re
from collections.abc import Callable

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import flight

IGNORED = frozenset({"abs_path"})  # the folder of the source, which may differ


def datasets(client: flight.FlightClient, repo: str) -> list[str]:
    """The datasets that a server lists for a repo."""
    flights = client.list_flights(json.dumps({"repo": repo}).encode())
    return sorted({info.descriptor.path[1].decode() for info in flights})


def rows(client: flight.FlightClient, repo: str, dataset: str) -> pa.Table:
    """All rows of a dataset, dictionaries decoded."""
    table = client.do_get(flight.Ticket(json.dumps({"repo": repo, "dataset": dataset}))).read_all()
    fields = [
        pa.field(field.name, field.type.value_type if pa.types.is_dictionary(field.type) else field.type)
        for field in table.schema
    ]
    return table.cast(pa.schema(fields))


def with_paths(client: flight.FlightClient, repo: str) -> Callable[[str], str]:
    """A function that puts the paths of files in place of their ids in a text."""
    files = rows(client, repo, "repo_files").select(["file_id", "path"]).to_pylist()
    paths = {file["file_id"]: file["path"] for file in files}
    shapes = {re.sub("[0-9a-z]", "[0-9a-z]", each) for each in paths} or {"$^"}
    id_ = re.compile("|".join(rf"\b{shape}\b" for shape in shapes))
    return lambda text: id_.sub(lambda found: paths.get(found[0], found[0]), text)


def as_texts(
    table: pa.Table, columns: list[str], rewrites: list[tuple[str, str]], named: Callable[[str], str]
) -> pa.Table:
    """One string for each row: nested values as their repr, flat ones by a cast."""
    texts = []
    for name in columns:
        column = table.column(name)
        if pa.types.is_nested(column.type) or pa.types.is_binary(column.type):
            text = pa.chunked_array([pa.array([repr(value) for value in column.to_pylist()], pa.string())])
        else:
            text = column.cast(pa.string())
        if pa.types.is_string(column.type):
            coded = text.combine_chunks().dictionary_encode()
            values = pa.array(
                [None if each is None else named(each) for each in coded.dictionary.to_pylist()], pa.string()
            )
            text = pa.chunked_array([values.take(coded.indices)])
        for pattern, replacement in rewrites:
            text = pc.replace_substring_regex(text, pattern, replacement)
        texts.append(pc.fill_null(text, "\0"))
    row = pc.binary_join_element_wise(*texts, "\1") if texts else pa.array([], pa.string())
    return pa.table({"row": row})


def only(left: pa.Table, right: pa.Table) -> pa.Table:
    """The rows that ``left`` has more often than ``right``, each with the difference of the counts."""
    counts = left.group_by("row").aggregate([("row", "count")])
    others = right.group_by("row").aggregate([("row", "count")]).rename_columns(["row", "other"])
    joined = counts.join(others, "row", join_type="left outer")
    more = pc.subtract(joined.column("row_count"), pc.fill_null(joined.column("other"), 0))
    return pa.table({"row": joined.column("row"), "more": more}).filter(pc.greater(more, 0))


def main() -> None:
    """Compare, and print what differs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("left")
    parser.add_argument("right")
    parser.add_argument("repo")
    parser.add_argument("--only", action="append", default=[], help="these datasets alone")
    parser.add_argument("--without", action="append", default=[], help="a column that is not compared")
    parser.add_argument("--rewrite", action="append", default=[], nargs=2, help="a pattern and its replacement")
    parser.add_argument("--examples", type=int, default=0, help="how many differing rows to print of each side")
    options = parser.parse_args()
    left, right = flight.connect(options.left), flight.connect(options.right)
    names = {side: set(datasets(client, options.repo)) for side, client in (("left", left), ("right", right))}
    for side, other in (("left", "right"), ("right", "left")):
        for name in sorted(names[side] - names[other]):
            print(f"{name}: on the {side} only")
    named = [with_paths(client, options.repo) for client in (left, right)]
    equal = different = 0
    for name in sorted(names["left"] & names["right"]):
        if options.only and name not in options.only:
            continue
        tables = [rows(client, options.repo, name) for client in (left, right)]
        skipped = {*IGNORED, *options.without}
        shared = [column for column in tables[0].column_names if column in tables[1].column_names]
        columns = [column for column in shared if column not in skipped]
        ours, theirs = (
            as_texts(table, columns, options.rewrite, each) for table, each in zip(tables, named, strict=True)
        )
        sides = [only(ours, theirs), only(theirs, ours)]
        extra = [pc.sum(side.column("more")).as_py() or 0 for side in sides]
        columns_differ = set(tables[0].column_names) ^ set(tables[1].column_names)
        equal, different = (equal, different + 1) if any(extra) or columns_differ else (equal + 1, different)
        note = f", columns of one side: {sorted(columns_differ)}" if columns_differ else ""
        sizes = " and ".join(f"{table.num_rows} rows" for table in tables)
        print(f"{name}: {sizes}; {extra[0]} and {extra[1]} on one side alone{note}", flush=True)
        for side in sides if any(extra) else ():
            for row in side.slice(0, options.examples).to_pylist():
                print("   ", row["more"], row["row"].replace("\1", " | ").replace("\0", "null"))
    print(f"{equal} datasets equal, {different} not")


if __name__ == "__main__":
    main()
