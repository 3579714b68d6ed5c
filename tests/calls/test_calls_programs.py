"""Small programs: does the call graph know what they call? The expected edges are those that running them makes."""

import sys
from collections import defaultdict
from pathlib import Path

import pytest
from call_programs import NOTHING, Edge, Program, Score, found_edges, programs, score, traced_edges

SURE = 0.9


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[Program, dict[Edge, float]]]:
    known = programs()
    return list(zip(known, found_edges(known, tmp_path_factory.mktemp("calls")), strict=True))


def test_there_are_many_programs() -> None:
    assert len(programs()) >= 100
    assert len({program.category for program in programs()}) >= 20


def test_the_expected_edges_are_what_running_the_programs_does(tmp_path: Path) -> None:
    running = [program for program in programs() if program.runs]
    differing = {}
    for program, (traced, resumed) in zip(running, traced_edges(running, tmp_path), strict=True):
        unexpected = traced - program.calls
        visible = {edge for edge in program.calls - program.untraced if program.defines(edge[1])}
        unseen = {edge for edge in visible - traced if edge[1] not in resumed}
        if unexpected or unseen:
            differing[program.category, program.name] = (unexpected, unseen)
    assert differing == {}


def test_precision_and_recall(found: list[tuple[Program, dict[Edge, float]]]) -> None:
    by_category: dict[str, Score] = defaultdict(lambda: NOTHING)
    for program, edges in found:
        by_category[program.category] += score(edges, program.calls)
    for category, one in sorted(by_category.items()):
        sys.stdout.write(f"{category:18} {one}\n")
    total = sum(by_category.values(), NOTHING)
    sys.stdout.write(f"{'total':18} {total}\n")
    assert total.precision >= 0.98
    assert total.recall >= 0.95


def test_edges_that_are_called_sure_are_right(found: list[tuple[Program, dict[Edge, float]]]) -> None:
    sure = [edge in program.calls for program, edges in found for edge, known in edges.items() if known >= SURE]
    assert sum(sure) / len(sure) >= 0.97
    assert len(sure) / sum(len(program.calls) for program, _ in found) >= 0.9
