"""Every kind of node and edge stands in docs/graph.md, with a two-line example, and no other."""

import re

from documents import document

from flight_client.contracts.kinds import EDGE_KINDS, NODE_KINDS
from flight_server.pipeline import graph

GRAPH = document("docs/graph.md")
KIND = re.compile(r"[A-Z]+(_[A-Z]+)*")


def kinds_of(sections: list[str]) -> list[str]:
    first = [key for section in map(GRAPH.section, sections) for key in [*section.keys()]]
    return [kind for kind in first if KIND.fullmatch(kind)]


def test_every_kind_of_node_is_described_once() -> None:
    assert sorted(kinds_of(["Nodes"])) == sorted(NODE_KINDS)


def test_every_kind_of_edge_is_described_once() -> None:
    sections = re.findall(r"^## (Edges .*)$", GRAPH.text, re.MULTILINE)
    assert sorted(kinds_of(sections)) == sorted(EDGE_KINDS)


def test_every_kind_has_a_source_example_of_two_lines() -> None:
    rows = [line.split(" | ") for line in GRAPH.text.splitlines() if re.match(r"\| `[A-Z_]+` \|", line)]
    assert len(rows) == len(NODE_KINDS) + len(EDGE_KINDS)
    assert [row[0] for row in rows if row[1].count("⏎") != 1] == []


def test_every_kind_of_the_families_stands_in_the_picture_or_a_table() -> None:
    families = (*graph.PART_NODES, *graph.REPO_NODES, *graph.PART_EDGES, *graph.REPO_EDGES)
    assert {family.kind for family in families if family.kind not in GRAPH.text} == set()
