"""Indexes into the raw tables."""

from hashlib import sha256
from pathlib import Path

import pytest
from scip_messages import UTF16, document, field, index, metadata, occurrence, symbol, varint
from scip_repo import ZOO_INDEX, Repo

from flight_client import Client
from flight_client.scip import PathPrefix, ScipError

X, Y = "t . p 1 x.", "t . p 1 y."
FILE = {"a.py": "x = 1\n"}
ONE = index(document("a.py", [occurrence([0, 0, 1], X, 1)]))


def test_an_index_that_scip_python_made(repo: Repo) -> None:
    repo.write({"zoo/__init__.py": "", "zoo/animals.py": "", "zoo/keeper.py": ""})
    done = repo.put(ZOO_INDEX)
    assert (done.documents, done.unmatched, done.left_out) == (3, 0, 0)
    assert done.rows["scip_metadata"] == 1
    assert done.rows["scip_occurrences"] > 80
    assert repo.values("scip_metadata", "tool_name", "tool_version", "project_root", "text_document_encoding") == [
        ("scip-python", "0.6.6", "file:///zoo", "UTF8")
    ]
    assert repo.values("scip_documents", "path") == [("zoo/__init__.py",), ("zoo/animals.py",), ("zoo/keeper.py",)]


def test_occurrences_are_stored_as_they_are(repo: Repo) -> None:
    repo.write(FILE)
    wide = occurrence([0, 0, 2, 5], Y, 9, field(5, 15), field(4, "told"), field(7, [0, 0, 3, 1]))
    repo.put(index(document("a.py", [occurrence([0, 4, 5], X, 8), wide, occurrence([7], "")])))
    rows = repo.rows("scip_occurrences")
    numbers = ("start_line", "start_char", "end_line", "end_char", "range_len")
    assert [tuple(row[name] for name in numbers) for row in rows] == [
        (0, 4, 0, 5, 3),
        (0, 0, 2, 5, 4),
        (None, None, None, None, 1),
    ]
    assert [row["symbol"] for row in rows] == [X, Y, None]
    assert [row["symbol_roles"] for row in rows] == [8, 9, 0]
    assert rows[1]["syntax_kind"] == "IdentifierFunction"
    assert rows[1]["override_documentation"] == ["told"]
    assert tuple(rows[1][f"enc_{name}"] for name in numbers) == (0, 0, 3, 1, 4)
    assert rows[0]["enc_range_len"] is None
    assert len({row["occurrence_id"] for row in rows}) == 3


def test_ranges_of_newer_indexes(repo: Repo) -> None:
    single = field(8, field(1, 2) + field(2, 4) + field(3, 6)) + field(2, X)
    multi = field(9, field(1, 1) + field(2, 4) + field(3, 3) + field(4, 2)) + field(2, Y)
    repo.put(index(document("a.py", [single, multi])))
    numbers = ("start_line", "start_char", "end_line", "end_char", "range_len")
    assert repo.values("scip_occurrences", *numbers) == [(1, 4, 3, 2, 4), (2, 4, 2, 6, 3)]


def test_symbols_relationships_and_diagnostics(repo: Repo) -> None:
    relation = field(1, Y) + field(3, 1)
    signature = field(7, field(4, "python") + field(5, "def x()"))
    told = symbol(X, relation, kind=17, documentation=["one", "two"]) + signature + field(6, "x") + field(8, Y)
    finding = field(6, field(1, 2) + field(2, "E1") + field(3, "wrong") + field(4, "lint") + field(5, [1, 2]))
    at = occurrence([0, 0, 1], X, 1, finding)
    repo.put(index(document("a.py", [at], [told]), externals=[symbol("ext . e 1 e#")]))
    [info] = repo.rows("scip_symbol_information")
    assert {name: info[name] for name in ("symbol", "kind", "display_name", "enclosing_symbol")} == {
        "symbol": X,
        "kind": "Function",
        "display_name": "x",
        "enclosing_symbol": Y,
    }
    assert info["documentation"] == ["one", "two"]
    assert info["signature_documentation"] == {"text": "def x()", "language": "python"}
    relations = ("symbol", "related_symbol", "is_reference", "is_implementation", "is_type_definition", "is_definition")
    assert repo.values("scip_symbol_relationships", *relations) == [(X, Y, False, True, False, False)]
    assert repo.values("scip_external_symbol_information", "symbol", "kind") == [("ext . e 1 e#", None)]
    [diagnostic] = repo.rows("scip_diagnostics")
    assert diagnostic["path"] == "a.py"
    assert (diagnostic["start_line"], diagnostic["end_char"]) == (0, 1)
    assert [diagnostic[name] for name in ("severity", "code", "message", "source")] == [
        "Warning",
        "E1",
        "wrong",
        "lint",
    ]
    assert diagnostic["tags"] == ["Unnecessary", "Deprecated"]


def test_a_document_knows_the_file_that_was_indexed(repo: Repo) -> None:
    repo.write({"a.py": "x = 1\n", "b.py": ""})
    repo.put(index(document("a.py"), document("b.py", text="old\n"), document("gone.py")))
    known = {path: sha256(text).hexdigest() for path, text in (("a.py", b"x = 1\n"), ("b.py", b"old\n"))}
    assert repo.values("scip_documents", "path", "file_sha256") == [*known.items(), ("gone.py", None)]


def test_the_last_index_is_the_one(repo: Repo) -> None:
    repo.write(FILE)
    repo.put(index(document("a.py", [occurrence([0, 0, 1], X)], [symbol(X)]), externals=[symbol(Y)]))
    repo.put(index(document("b.py", [occurrence([0, 0, 1], Y)])))
    assert repo.values("scip_occurrences", "path", "symbol") == [("b.py", Y)]
    assert repo.rows("scip_symbol_information") == repo.rows("scip_external_symbol_information") == []


def test_any_language_and_no_repo_before(repo: Repo) -> None:
    done = repo.put(index(*(document(f"src/{n}.ts", language="TypeScript", encoding=UTF16) for n in range(200))))
    assert (done.documents, done.unmatched) == (200, 200)
    assert set(repo.values("scip_documents", "language", "position_encoding")) == {
        ("TypeScript", "UTF16CodeUnitOffsetFromLineStart")
    }
    assert len(repo.client.info(repo.name, "scip_documents").endpoints) > 1


def test_two_documents_of_one_path_stay_apart(repo: Repo) -> None:
    local = [occurrence([0, 0, 1], "local 1")]
    repo.put(index(document("a.py", local), document("b.py"), document("a.py", local)))
    documents = repo.values("scip_documents", "path", "document_id")
    occurrences = repo.values("scip_occurrences", "occurrence_id", "document_id")
    assert len(set(documents)) == 3
    assert len({row[0] for row in occurrences}) == len({row[1] for row in occurrences}) == 2


@pytest.mark.parametrize(
    ("prefix", "paths"),
    [
        (PathPrefix(), ["lib/a.py", "library/b.py", "z.py"]),
        (PathPrefix("lib", ""), ["a.py"]),
        (PathPrefix("lib/", "src/x"), ["src/x/a.py"]),
        (PathPrefix("", "src/"), ["src/lib/a.py", "src/library/b.py", "src/z.py"]),
    ],
)
def test_paths_are_mapped(repo: Repo, prefix: PathPrefix, paths: list[str]) -> None:
    outside = [document(path) for path in ("../up.py", "/abs.py", "")]
    done = repo.put(index(document("./lib/a.py"), document("library/b.py"), document("z.py"), *outside), prefix)
    assert [path for (path,) in repo.values("scip_documents", "path")] == paths
    assert done.left_out == 6 - len(paths)


@pytest.fixture(scope="module")
def indexed(scip_client: Client, tmp_path_factory: pytest.TempPathFactory) -> Repo:
    made = Repo(scip_client, "indexed", tmp_path_factory.mktemp("indexed") / "source")
    made.put(ONE)
    return made


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "no metadata"),
        (b"just some text\n", "not a complete SCIP index"),
        (b"PK\x03\x04 a zip file", "not a SCIP index"),
        (ONE[:-3], "not a complete SCIP index"),
        (ONE[: len(metadata()) + 1], "not a complete SCIP index"),
        (ONE + varint(2 << 3 | 2) + b"\xff" * 9 + b"\x01", "not a complete SCIP index"),
        (metadata(), "none of the 0 documents"),
        (field(2, document("a.py")), "no metadata"),
        (metadata() + field(2, b"\xff\xff"), "Document"),
        (metadata() + field(2, document("a.py") + field(2, b"\x0a\x63")), "Document"),
        (metadata() + field(2, document("a.py", [field(2, b"\xff\xfe")])), "Document message at byte"),
        (ONE + field(3, b"\x0a\x63"), "SymbolInformation message at byte"),
    ],
)
def test_what_is_no_whole_index_is_refused_and_nothing_is_lost(indexed: Repo, data: bytes, message: str) -> None:
    with pytest.raises(ScipError, match=message) as refused:
        indexed.put(data)
    assert refused.value.code == "invalid_scip"
    assert indexed.values("scip_occurrences", "symbol") == [(X,)]
    assert len(indexed.client.snapshots(indexed.name)) == 1


def test_what_a_newer_index_adds_is_skipped_without_being_read(repo: Repo, tmp_path: Path) -> None:
    """Fields that nobody here knows: a number, fixed bytes, and eight gigabytes that are not there."""
    file = tmp_path / "large.scip"
    with file.open("wb") as out:
        out.write(metadata() + field(90, 7) + varint(91 << 3 | 1) + b"8 bytes." + varint(92 << 3 | 5) + b"4444")
        out.write(varint(93 << 3 | 2) + varint(8 << 30))
        out.seek(8 << 30, 1)
        out.write(field(2, document("a.py", [occurrence([0, 0, 1], X), field(99, "new")])))
    assert repo.put(file).rows["scip_occurrences"] == 2
