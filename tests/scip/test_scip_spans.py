"""Occurrences get byte spans in the repo's files, or a reason why they have none."""

from pathlib import Path

import pytest
from scip_messages import UTF8, UTF16, UTF32, document, index, occurrence
from scip_repo import HERE, Repo

X = "t . p 1 x."
UNSPECIFIED = 0
WIDE = "é = '🦁'; x = 1\n"


def spans(repo: Repo) -> list[tuple[object, ...]]:
    return repo.values("scip_occurrences_norm", "bstart", "bend", "span_ok")


def errors(repo: Repo) -> list[tuple[object, ...]]:
    return repo.values("span_errors", "path", "reason")


@pytest.mark.parametrize(
    ("encoding", "tool", "start"),
    [
        (UTF8, "scip-test", 13),
        (UTF16, "scip-test", 10),
        (UTF32, "scip-test", 9),
        (UNSPECIFIED, "scip-python", 10),
        (UNSPECIFIED, "scip-typescript", 10),
        (UTF8, "scip-python", 13),
    ],
)
def test_characters_count_as_the_document_or_its_tool_says(repo: Repo, encoding: int, tool: str, start: int) -> None:
    repo.write({"a.py": f"first = 1\n{WIDE}"})
    occurrences = [occurrence([1, start, start + 1], X), occurrence([0, 0, 1, 1 + (encoding == UTF8)], X)]
    repo.put(index(document("a.py", occurrences, encoding=encoding), tool=tool))
    assert spans(repo) == [(0, 12, True), (23, 24, True)]
    assert errors(repo) == []


def test_an_encoding_that_nobody_knows_matters_where_characters_are_wide(repo: Repo) -> None:
    repo.write({"a.py": f"first = 1\n{WIDE}"})
    occurrences = [occurrence([0, 0, 5], X), occurrence([1, 0, 1], X)]
    repo.put(index(document("a.py", occurrences, encoding=UNSPECIFIED)))
    assert spans(repo) == [(0, 5, True), (None, None, False)]
    assert errors(repo) == [("a.py", "unknown_encoding")]


@pytest.mark.parametrize(
    ("span", "reason"),
    [
        ([9, 0, 1], "out_of_range"),
        ([0, 0, 99], "out_of_range"),
        ([0, 0, 9, 0], "out_of_range"),
        ([0, 1, 3], "out_of_range"),  # within é
        ([0, 5, 3], "malformed_range"),
        ([0, 5], "malformed_range"),
        ([0, 0, 0, 1, 1], "malformed_range"),
        ([], "malformed_range"),
    ],
)
def test_what_is_nowhere_has_no_span(repo: Repo, span: list[int], reason: str) -> None:
    repo.write({"a.py": WIDE})
    repo.put(index(document("a.py", [occurrence(span, X), occurrence([0, 0, 2], X)])))
    assert spans(repo) == [(0, 2, True), (None, None, False)]
    assert errors(repo) == [("a.py", reason)]


def test_a_file_that_the_repo_does_not_have(repo: Repo) -> None:
    repo.write({"a.py": "x = 1\n"})
    repo.put(index(document("b.py", [occurrence([0, 0, 1], X)]), document("c.py")))
    assert spans(repo) == [(None, None, False)]
    assert errors(repo) == [("b.py", "no_text"), ("c.py", "no_text")]


def test_an_index_is_stale_where_files_have_changed_since(repo: Repo) -> None:
    repo.write({"a.py": "x = 1\n", "b.py": "x = 1\n"})
    repo.put(index(*(document(path, [occurrence([0, 0, 1], X)]) for path in ("a.py", "b.py"))))
    repo.write({"b.py": "y = x = 1\n"})
    assert repo.values("scip_occurrences_norm", "path", "bstart") == [("a.py", 0), ("b.py", None)]
    assert errors(repo) == [("b.py", "stale")]
    assert repo.values("rel_name_symbol", "path") == [("a.py",)]
    repo.write({"b.py": "x = 1\n"})
    assert errors(repo) == []


def test_a_file_that_was_removed_takes_its_occurrences_along(repo: Repo) -> None:
    repo.write({"a.py": "x = 1\n", "b.py": "x = 1\n"})
    repo.put(index(*(document(path, [occurrence([0, 0, 1], X)]) for path in ("a.py", "b.py"))))
    (repo.root / "b.py").unlink()
    repo.write({})
    assert repo.values("scip_documents", "path") == [("a.py",)]
    assert errors(repo) == []


def test_all_that_scip_python_found_stands_where_its_name_does(zoo: Repo) -> None:
    assert errors(zoo) == []
    sources = {path: (HERE / path).read_bytes() for path in ("zoo/__init__.py", "zoo/animals.py", "zoo/keeper.py")}
    rows = zoo.rows("scip_occurrences_norm", "path", "symbol", "bstart", "bend", "span_ok")
    assert all(row["span_ok"] for row in rows)
    at = {(Path(row["path"]).stem, sources[row["path"]][row["bstart"] : row["bend"]].decode()) for row in rows}
    assert {("animals", "Cat"), ("animals", "super"), ("keeper", "urllib.parse"), ("keeper", "quote")} <= at
