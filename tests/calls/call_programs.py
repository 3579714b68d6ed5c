"""The programs of this folder, what they call, and how well a call graph knows it.

A file of ``programs`` is a category; its programs start with ``## name``, their files with ``--- path``. Under
``--- calls`` stand the edges that running the program makes, ``caller -> callee`` in the names of ``call_graph``, and
under ``--- untraced`` those of them that a tracer can't see (code that is not reached, or that the standard library
calls); ``*`` there means that the program does not run.
"""

import json
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from flight_client.extract import EXTRACTED, extract, scan
from flight_client.extract.raw_rows import SCHEMAS
from flight_server.points_to.solution import solution

PROGRAMS = Path(__file__).parent / "programs"
Edge = tuple[str, str]


@dataclass(frozen=True)
class Program:
    """A program: its files, the edges that it has, and those of them that no tracer sees."""

    category: str
    name: str
    files: tuple[tuple[str, str], ...]
    calls: frozenset[Edge]
    untraced: frozenset[Edge]
    runs: bool

    def defines(self, name: str) -> bool:
        """Whether a name is one of the program's own."""
        modules = (path.removesuffix(".py").removesuffix("/__init__").replace("/", ".") for path, _ in self.files)
        return any(name.startswith(f"{module}.") for module in modules)

    def write(self, folder: Path) -> None:
        for path, text in self.files:
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text(text, encoding="utf-8")


@dataclass(frozen=True)
class Score:
    """How many edges were found, how many of these are right, and how many there are."""

    found: int
    right: int
    expected: int

    @property
    def precision(self) -> float:
        return self.right / self.found if self.found else 1.0

    @property
    def recall(self) -> float:
        return self.right / self.expected if self.expected else 1.0

    def __str__(self) -> str:
        return f"precision {self.precision:.3f}, recall {self.recall:.3f} of {self.expected}"

    def __add__(self, other: "Score") -> "Score":
        return Score(self.found + other.found, self.right + other.right, self.expected + other.expected)


NOTHING = Score(0, 0, 0)


def programs() -> list[Program]:
    """All programs, by category."""
    return [program for path in sorted(PROGRAMS.glob("*.txt")) for program in _read(path)]


def found_edges(known: Sequence[Program], folder: Path) -> list[dict[Edge, float]]:
    """The edges that points-to finds in each program, with their confidence (the highest of several sites)."""
    root = _written(known, folder)
    return [_edges_of(solution(facts_of(root / str(number)))) for number in range(len(known))]


def traced_edges(known: Sequence[Program], folder: Path) -> list[tuple[set[Edge], set[str]]]:
    """The edges that running each program makes, and the names of its generators and coroutines."""
    root = _written(known, folder)
    roots = [str(root / str(number)) for number in range(len(known))]
    command = [sys.executable, str(Path(__file__).with_name("call_tracer.py")), *roots]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    return [({(caller, callee) for caller, callee in answer["edges"]}, set(answer["resumed"])) for answer in answers]


def _written(known: Sequence[Program], folder: Path) -> Path:
    for number, program in enumerate(known):
        program.write(folder / str(number))
    return folder


def facts_of(folder: Path, repo: str = "calls") -> dict[str, pa.Table]:
    """The tables that extraction makes of a folder, ingested under a name."""
    batches: dict[str, list[pa.RecordBatch]] = {name: [] for name in EXTRACTED}
    for name, batch in extract(scan(folder), repo=repo, parts=1, jobs=1, layers=("cst", "flow")):
        batches[name].append(batch)
    return {name: pa.Table.from_batches(found, SCHEMAS[name]) for name, found in batches.items()}


def _edges_of(relations: pa.Table) -> dict[Edge, float]:
    edges: dict[Edge, float] = {}
    for row in relations.filter(pc.equal(relations["relation"], "call")).to_pylist():
        if row["kind"] not in {"class", "plain_class"}:
            edge = (row["owner_name"], row["name"])
            edges[edge] = max(edges.get(edge, 0.0), row["confidence"])
    return edges


def score(found: Iterable[Edge], expected: frozenset[Edge]) -> Score:
    edges = set(found)
    return Score(len(edges), len(edges & expected), len(expected))


def wrong_edges(program: Program, found: Iterable[Edge]) -> list[str]:
    """A line for each edge that is missing or too many."""
    edges = set(found)
    return [
        f"{'too many' if edge in edges else 'missing'} {program.category}/{program.name}: {' -> '.join(edge)}"
        for edge in sorted(edges ^ program.calls)
    ]


def _read(path: Path) -> Iterator[Program]:
    for text in path.read_text(encoding="utf-8").split("## ")[1:]:
        name, _, body = text.partition("\n")
        sections = [section.partition("\n") for section in f"\n{body}".split("\n--- ")[1:]]
        contents = {title.strip(): content for title, _, content in sections}
        untraced = contents.pop("untraced", "")
        calls = contents.pop("calls")
        yield Program(
            category=path.stem,
            name=name.strip(),
            files=tuple(contents.items()),
            calls=frozenset(_edges(calls)),
            untraced=frozenset(_edges(untraced)),
            runs="*" not in untraced.split(),
        )


def _edges(text: str) -> Iterator[Edge]:
    for line in text.splitlines():
        caller, arrow, callee = line.partition(" -> ")
        if arrow:
            yield caller.strip(), callee.strip()
