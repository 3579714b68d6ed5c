"""Precision and recall of the call graph on the small programs of ``tests/calls``, per category.

The expected edges are written by hand; the tests check them by running the programs. The figures are also printed for
the edges with a confidence of at least 0.9. ``--wrong`` lists every missing and every wrong edge.

    python benchmarks/calls.py --wrong
"""

import argparse
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "calls"))

from call_programs import NOTHING, Edge, Program, Score, found_edges, programs, score, wrong_edges

SURE = 0.9
Found = tuple[Program, dict[Edge, float]]


def main() -> None:
    """Print a line for each category, and the totals."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--wrong", action="store_true", help="list the edges that are missing or too many")
    options = parser.parse_args()
    known = programs()
    with tempfile.TemporaryDirectory() as folder:
        found = list(zip(known, found_edges(known, Path(folder)), strict=True))
    by_category: dict[str, list[Found]] = defaultdict(list)
    for program, edges in found:
        by_category[program.category].append((program, edges))
    _say(f"{'category':18} {'programs':>8} {'edges':>6} {'precision':>9} {'recall':>7} {'sure':>6} {'right':>6}")
    for category, some in sorted(by_category.items()):
        _report(category, some)
    _report("total", found)
    for program, edges in found if options.wrong else ():
        for line in wrong_edges(program, edges):
            _say(line)


def _report(name: str, found: list[Found]) -> None:
    total = _total((program, set(edges)) for program, edges in found)
    sure = _total((program, {edge for edge, known in edges.items() if known >= SURE}) for program, edges in found)
    _say(
        f"{name:18} {len(found):8} {total.expected:6} {total.precision:9.3f} {total.recall:7.3f}"
        f" {sure.recall:6.3f} {sure.precision:6.3f}"
    )


def _total(found: Iterable[tuple[Program, set[Edge]]]) -> Score:
    return sum((score(edges, program.calls) for program, edges in found), NOTHING)


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")


if __name__ == "__main__":
    main()
