"""Extraction of one source folder compared with other tools, the referees; prints the rows of each, and the equal ones.

    python benchmarks/referees.py ~/src/django --libcst

- ``ast``: calls, and definitions by kind.
- ``symtable``: scopes and symbols with their flags (Python 3.11, whose semantics the rows have).
- Bytecode: which definitions of plain local variables reach which uses (Python 3.11).
- LibCST, which takes minutes: spans of calls and definitions, candidate names of callees.

Rows that differ are counted by what they are, with an example.
"""

import argparse
import ast
import symtable
import sys
import warnings
from collections import Counter
from collections.abc import Callable, Hashable, Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "extract"))

from extract_control_flow import flow_of
from extract_reaching import bytecode_pairs, fast_loads, function_code, source_pairs
from extract_referee import Names, account_of
from extract_rows import rows_of
from test_extract_referee import is_their_error, names
from test_extract_symbols import our_scopes, their_scopes

from flight_client.extract import scan
from flight_client.extract.module_names import Module

Sets = tuple[set[Hashable], set[Hashable]]
DEFINITIONS = {"function": ast.FunctionDef, "async_function": ast.AsyncFunctionDef, "class": ast.ClassDef}


class Agreement:
    """Counts rows of ours and of a referee's, file by file."""

    def __init__(self, what: str) -> None:
        self.what = what
        self.both = 0
        self.only: tuple[Counter[str], Counter[str]] = (Counter(), Counter())

    def add(self, path: str, ours: set[Hashable], theirs: set[Hashable]) -> None:
        """One file's rows."""
        self.both += len(ours & theirs)
        for side, rows in zip(self.only, (ours - theirs, theirs - ours), strict=True):
            side.update(f"{path}: {row}" for row in rows)

    def __str__(self) -> str:
        mine, theirs = (sum(side.values()) for side in self.only)
        share = self.both / max(1, self.both + mine + theirs)
        lines = [f"{self.what}: {self.both} equal, {mine} only ours, {theirs} only theirs: {share:.3%}"]
        for title, side in zip(("ours", "theirs"), self.only, strict=True):
            lines += [f"  {title}: {row[:160]}" for row, _ in side.most_common(1)]
        return "\n".join(lines)


def main() -> None:
    """Go through the files that this interpreter parses."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--libcst", action="store_true", help="compare with LibCST too")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    referees: dict[str, Callable[[Path], Iterator[tuple[str, Sets]]]] = {"ast": of_ast}
    if sys.version_info[:2] == (3, 11):
        referees |= {"symtable": of_symtable, "bytecode": of_bytecode}
    if options.libcst:
        referees["LibCST"] = of_libcst
    found: dict[str, Agreement] = {}
    for file in scan(options.folder):
        path = options.folder / file.path
        try:
            ast.parse(path.read_bytes())
        except (SyntaxError, ValueError):
            continue
        for referee in referees.values():
            for what, (ours, theirs) in referee(path):
                found.setdefault(what, Agreement(what)).add(file.path, ours, theirs)
    print(*found.values(), sep="\n")


def of_ast(path: Path) -> Iterator[tuple[str, Sets]]:
    """Calls and definitions by where they start."""
    rows = rows_of(path)
    text = rows["repo_files"][0]["text"]
    nodes = list(ast.walk(ast.parse(text)))
    span = _spans(text)
    for what, kind in {"call": ast.Call, **DEFINITIONS}.items():
        theirs = {span(node) for node in nodes if isinstance(node, kind)}
        if what == "call":
            ours = {(row["call_bstart"], row["call_bend"]) for row in rows["cst_callsites"]}
        else:
            ours = {(row["def_bstart"], row["def_bend"]) for row in rows["cst_defs"] if row["kind"] == what}
        yield f"ast, {what}", (ours, theirs)


def of_symtable(path: Path) -> Iterator[tuple[str, Sets]]:
    """Scopes by their path with their flags, and their symbols with theirs."""
    rows = rows_of(path)
    both = our_scopes(rows), list(their_scopes(symtable.symtable(rows["repo_files"][0]["text"], path.name, "exec")))
    scopes = tuple({(place, *flags) for place, *flags, _ in side} for side in both)
    symbols = tuple({(place, symbol) for place, *_, symbols in side for symbol in symbols} for side in both)
    yield "symtable, scopes", scopes
    yield "symtable, symbols", symbols


def of_bytecode(path: Path) -> Iterator[tuple[str, Sets]]:
    """Pairs of a use of a local variable and a line of a definition that reaches it."""
    tree, walk, flow = flow_of(path.read_bytes())
    theirs, loads = set(), set()
    for code in function_code(compile(tree, path.name, "exec")):
        theirs |= bytecode_pairs(code, walk.lines)
        loads |= set(fast_loads(code, walk.lines))
    named = {row[:2] for row in walk.refs}
    ours = {pair for pairs in source_pairs(flow, walk, tree).values() for pair in pairs}
    yield (
        "bytecode, definitions that reach uses",
        ({pair for pair in ours if pair[0] in loads}, {pair for pair in theirs if pair[0] in named}),
    )


def of_libcst(path: Path) -> Iterator[tuple[str, Sets]]:
    """Spans of calls and definitions, and candidate names but for errors of LibCST's that the tests name."""
    module = Module(name="pkg.mod", is_package=path.name == "__init__.py")
    rows = rows_of(path, module.name, is_package=module.is_package)
    account = account_of(rows["repo_files"][0]["text"], module)
    calls = {(row["call_bstart"], row["call_bend"]): row for row in rows["cst_callsites"]}
    yield "LibCST, calls", (set(calls), set(account.calls))
    kinds = DEFINITIONS.keys()
    spans = {(row["def_bstart"], row["def_bend"]) for row in rows["cst_defs"] if row["kind"] in kinds}
    yield "LibCST, definitions", (spans, set(account.definitions))
    ours = {(span, names(row["callee_qnames"])) for span, row in calls.items()}
    theirs = set(account.calls.items())
    rows_by_span = {span: (names(row["callee_qnames"]), row) for span, row in calls.items()}
    errors = {(span, found) for span, found in theirs - ours if _is_error(found, *rows_by_span[span])}
    erring = {span for span, _ in errors}
    yield "LibCST, candidate names", (ours, theirs)
    yield "LibCST, candidate names but for its errors", ({row for row in ours if row[0] not in erring}, theirs - errors)


def _is_error(theirs: Names, ours: Names, row: dict[str, object]) -> bool:
    return is_their_error(ours, theirs, row)


def _spans(text: str) -> Callable[[ast.expr | ast.stmt], tuple[int, int]]:
    starts = [0]
    for line in text.encode().splitlines(keepends=True):
        starts.append(starts[-1] + len(line))
    return lambda node: (
        starts[node.lineno - 1] + node.col_offset,
        starts[(node.end_lineno or node.lineno) - 1] + (node.end_col_offset or 0),
    )


if __name__ == "__main__":
    main()
