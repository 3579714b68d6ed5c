"""Small programs: does the call graph know what they call? The expected edges are those that running them makes."""

import json
from pathlib import Path

import pytest
from call_programs import Edge, Program, found_edges, programs, traced_edges, wrong_edges

from flight_server.points_to.call_confidence import CONFIDENCE, CallRule

SURE = 0.9
KNOWN_WRONG = Path(__file__).with_name("wrong_edges.txt")
SEEN_BY_RULE = Path(__file__).with_name("seen_by_rule.json")  # made by benchmarks/call_truth.py
NEAR = 0.05


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


def test_the_wrong_edges_are_those_that_are_known(found: list[tuple[Program, dict[Edge, float]]]) -> None:
    """``wrong_edges.txt`` has each of them; what is mended leaves the list, and nothing joins it unseen."""
    lines = [line for program, edges in found for line in wrong_edges(program, edges)]
    assert lines == KNOWN_WRONG.read_text(encoding="utf-8").splitlines()


def test_stated_confidences_are_near_the_measured_shares() -> None:
    measured = json.loads(SEEN_BY_RULE.read_text(encoding="utf-8"))
    assert list(measured) == [rule.name.lower() for rule in CallRule]
    far = {
        rule.name: (CONFIDENCE[rule], measured[rule.name.lower()]["seen"])
        for rule in CallRule
        if abs(CONFIDENCE[rule] - measured[rule.name.lower()]["seen"]) > NEAR
    }
    assert far == {}
    assert min(row["edges"] for row in measured.values()) >= 100


def test_edges_that_are_called_sure_are_right(found: list[tuple[Program, dict[Edge, float]]]) -> None:
    sure = [(program, edge) for program, edges in found for edge, known in edges.items() if known >= SURE]
    assert len(sure) > len(found)
    assert [(program.name, edge) for program, edge in sure if edge not in program.calls] == []
