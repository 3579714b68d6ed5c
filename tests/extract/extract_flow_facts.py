"""Facts of the layer ``flow`` in a notation to read: temporaries are written as what they hold.

``x <- y`` is a copy, an object that comes to ``x``, or a load into it; ``x.a <- y`` and ``x['k'] <- y`` are stores;
``x :C`` an annotation; ``iter x.__iter__()`` a site of that kind. ``x`` and ``f:x`` are variables of the module and of
``f``; ``f:d0`` the first of several definitions in ``f`` and ``f:m0`` what may be one of some; ``f:p0``, ``f:v0`` a
parameter and a default by position, ``C:b0`` a base. ``*x`` is an element by iteration, ``yield x`` what a generator
yields, ``x[?]`` an item under any key, ``:C`` an instance by annotation, ``a | b`` what may be either, ``?`` what is
not known.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from extract_rows import rows_of_source

LAYERS = ("cst", "flow")
Row = dict[str, object]


def is_temporary(place: str | None) -> bool:
    return place is None or (place.startswith("x:") and place.rpartition(":")[2].isdigit())


class Facts:
    """The facts of a source."""

    def __init__(self, folder: Path, source: str, module: str = "m", *, is_package: bool = False) -> None:
        self.rows = rows_of_source(folder, source, module, is_package=is_package, layers=LAYERS)
        assert not self.rows["cst_parse_errors"]
        self.known: dict[str, list[tuple[Row, Callable[[], str]]]] = defaultdict(list)
        self.arguments: dict[str, list[Row]] = defaultdict(list)
        for row in self.rows["flow_args"]:
            self.arguments[row["site_id"]].append(row)
        for table, column, shown in (
            ("flow_allocs", "place", self.allocated),
            ("flow_loads", "dst", self.loaded),
            ("flow_copies", "dst", self.copied),
            ("flow_calls", "result", self.call),
            ("flow_annotations", "place", self.annotated),
        ):
            for row in self.rows[table]:
                self.known[row[column]].append((row, partial(shown, row)))

    @property
    def lines(self) -> list[str]:
        """Copies, objects, loads, stores, calls and annotations in turn, without those into temporaries."""
        return list(self._lines())

    def _lines(self) -> Iterator[str]:
        for table, column, shown in (
            ("flow_copies", "dst", self.copied),
            ("flow_allocs", "place", self.allocated),
            ("flow_loads", "dst", self.loaded),
        ):
            for row in self.rows[table]:
                if not is_temporary(row[column]):
                    yield f"{self.place(row[column])} <- {shown(row)}"
        for row in self.rows["flow_stores"]:
            yield f"{self.part(row)} <- {self.place(row['src'])}"
        for row in self.rows["flow_calls"]:
            into = "" if is_temporary(row["result"]) else f"{self.place(row['result'])} <- "
            yield f"{into}{row['site_kind']} {self.call(row)}"
        for row in self.rows["flow_annotations"]:
            if not is_temporary(row["place"]):
                yield f"{self.place(row['place'])} {self.annotated(row)}"

    def named(self, text: str) -> str:
        file_id = self.rows["repo_files"][0]["file_id"]
        return text.replace(f"def:{file_id}:", "").replace("#1", "").replace("/scope", "")

    def place(self, place: str | None) -> str:
        if place is None:
            return "?"
        if is_temporary(place):
            known = self.known[place]
            is_part = bool(known) and known[0][0].get("access") in {
                "item",
                "iter",
            }  # beside it stands what a call gives
            return " | ".join(dict.fromkeys(show() for _, show in known[: 1 if is_part else None])) or "?"
        kind, _, rest = self.named(place).partition(":")
        prefix = "" if kind in ("var", "x") else f"{kind} "
        return prefix + rest.removeprefix("<module>:")

    def allocated(self, row: Row) -> str:
        kind, shown = row["object_kind"], row["const_repr"]
        if kind in ("function", "class"):
            return f"<{kind} {self.named(row['object_id'])}>"
        if kind.startswith("import"):
            return f"<{kind} {row['object_id']}>" if shown is None else f"<{kind} {row['object_id']} {shown}>"
        return f"{shown}*" if kind == "prefix" else shown or f"<{kind}>"

    def annotated(self, row: Row) -> str:
        return f":{self.place(row['annotation_place'])}"

    def copied(self, row: Row) -> str:
        return self.place(row["src"])

    def loaded(self, row: Row) -> str:
        match row["access"]:
            case "iter":
                return f"*{self.place(row['base'])}"
            case "yield" | "return" as given:
                return f"{given} {self.place(row['base'])}"
        return self.part(row)

    def part(self, row: Row) -> str:
        base = self.place(row["base"])
        if row["access"] == "attr":
            return f"{base}.{row['key']}"
        return f"{base}[{row['key'] or self.place(row['key_place'])}]"

    def call(self, row: Row) -> str:
        given = sorted(self.arguments[row["site_id"]], key=lambda argument: argument["pos"])
        callee = self.place(row["callee"])
        return f"{f'({callee})' if ' | ' in callee else callee}({', '.join(map(self.argument, given))})"

    def argument(self, row: Row) -> str:
        prefix = "*" * row["star"] if row["keyword"] is None else f"{row['keyword']}="
        return prefix + self.place(row["place"])
