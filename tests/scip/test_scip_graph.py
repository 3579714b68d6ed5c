"""Symbols in the graph: at names, imports and call sites of the package that scip-python indexed."""

import pytest
from scip_messages import document, field, index, occurrence, symbol
from scip_repo import HERE, Repo, Row

ZOO = "scip-python python zoo 1.0"
ANIMAL = f"{ZOO} `zoo.animals`/Animal#"
KINDS = (
    *(f"PY_{verb}_SYMBOL" for verb in ("DEFINES", "REFERENCES", "READS", "WRITES", "IMPORTS", "CALLS")),
    *(f"SCIP_SYMBOL_{noun}" for noun in ("REFERENCE", "IMPLEMENTATION", "TYPE_DEFINITION", "DEFINITION")),
)
Edges = dict[str, list[Row]]


def edges_by_kind(repo: Repo) -> Edges:
    rows = repo.rows("cpg_edges", order="canonical", kinds=KINDS)
    return {kind: [row for row in rows if row["edge_kind"] == kind] for kind in KINDS}


@pytest.fixture(scope="module")
def zoo_edges(zoo: Repo) -> Edges:
    return edges_by_kind(zoo)


def ends(edges: list[Row]) -> set[tuple[str, str]]:
    """What stands in the source at an edge of the zoo, and the symbol."""
    return {
        ((HERE / edge["path"]).read_bytes()[edge["bstart"] : edge["bend"]].decode(), edge["dst_node_id"])
        for edge in edges
    }


def test_call_sites_have_the_symbol_of_what_they_call(zoo_edges: Edges) -> None:
    calls = ends(zoo_edges["PY_CALLS_SYMBOL"])
    assert {
        ("Feline(name)", f"scip:{ZOO} `zoo.animals`/Cat#"),
        ('animals.Animal("x")', f"scip:{ANIMAL}"),
        ('animals.Animal("x").speak()', f"scip:{ANIMAL}speak()."),
        ("cat.feed(10)", f"scip:{ANIMAL}feed()."),
        ("str(total)", "scip:scip-python python python-stdlib 3.11 builtins/str#"),
    } <= calls
    assert not [site for site, _ in calls if site.startswith("HANDLERS")]


def test_imports_have_the_symbol_of_what_they_bring(zoo_edges: Edges) -> None:
    assert {
        ("Cat as Feline", f"scip:{ZOO} `zoo.animals`/Cat#"),
        ("animals", f"scip:{ZOO} `zoo.animals`/__init__:"),
    } <= ends(zoo_edges["PY_IMPORTS_SYMBOL"])


def test_names_define_reference_read_and_write_symbols(zoo_edges: Edges) -> None:
    fed = f"scip:{ANIMAL}fed."
    assert ("fed", fed) in ends(zoo_edges["PY_DEFINES_SYMBOL"])
    assert ("fed", fed) in ends(zoo_edges["PY_REFERENCES_SYMBOL"])
    assert ("fed", fed) in ends(zoo_edges["PY_READS_SYMBOL"])
    assert ("fed", fed) in ends(zoo_edges["PY_WRITES_SYMBOL"])
    speak = f"scip:{ANIMAL}speak()."
    assert ("speak", speak) in ends(zoo_edges["PY_DEFINES_SYMBOL"])
    assert ("speak", speak) in ends(zoo_edges["PY_READS_SYMBOL"])
    assert not [name for name, _ in ends(zoo_edges["PY_READS_SYMBOL"]) if name == "Feline as Cat"]


def test_a_name_is_read_and_written_as_its_role_and_its_syntax_say(repo: Repo) -> None:
    repo.write({"a.py": "import m\nx = 1\nx += 1\nx\n"})
    definition, write, read = 1, 4, 8
    at = [([0, 7, 8], "m", read), ([1, 0, 1], "x", definition), ([2, 0, 1], "x", read | write), ([3, 0, 1], "x", 0)]
    repo.put(index(document("a.py", [occurrence(span, f"t . p 1 {name}.", role) for span, name, role in at])))
    edges = edges_by_kind(repo)
    assert [edge["bstart"] for edge in edges["PY_READS_SYMBOL"]] == [15, 22]
    assert [edge["bstart"] for edge in edges["PY_WRITES_SYMBOL"]] == [9, 15]


def test_a_read_bit_alone_does_not_make_an_assignment_a_read(repo: Repo) -> None:
    repo.write({"a.py": "x = 1\nx = 2\n"})
    repo.put(index(document("a.py", [occurrence([1, 0, 1], "t . p 1 x.", 8)])))
    edges = edges_by_kind(repo)
    assert edges["PY_READS_SYMBOL"] == []
    assert [(edge["bstart"], edge["symbol_roles"]) for edge in edges["PY_WRITES_SYMBOL"]] == [(6, 8)]


def test_rivals_at_one_span_share_a_group_and_the_score(repo: Repo) -> None:
    repo.write({"a.py": "f()\n"})
    one, two = (occurrence([0, 0, 1], f"t . p 1 {name}().", 8) for name in ("one", "two"))
    repo.put(index(document("a.py", [one, two, two])))
    rows = repo.rows("rel_callsite_symbol")
    assert sorted(row["symbol"] for row in rows) == ["t . p 1 one().", "t . p 1 two()."]
    assert {(row["confidence"], row["score"], row["ambiguity_group_id"]) for row in rows} == {
        (1.0, 0.5, rows[0]["call_id"])
    }


def test_the_tightest_inside_comes_after_the_exact_one(repo: Repo) -> None:
    repo.write({"a.py": "from m import name as other\na.save()\n(a * b)()\n"})
    occurrences = [
        occurrence([0, 14, 18], "t . p 1 name."),
        occurrence([1, 0, 1], "t . p 1 a."),
        occurrence([1, 2, 6], "t . p 1 save()."),
        occurrence([2, 5, 6], "t . p 1 b."),
    ]
    repo.put(index(document("a.py", occurrences)))
    columns = ("symbol", "resolution_method", "rule_name", "rule_priority")
    assert repo.values("rel_import_symbol", *columns) == [("t . p 1 name.", "span_inside", "import_inside", 1)]
    assert repo.values("rel_callsite_symbol", *columns) == [("t . p 1 save().", "span_inside", "callee_inside", 1)]
    assert {row["rule_name"] for row in repo.rows("rel_name_symbol")} == {"name_span"}


def test_symbols_are_nodes_and_related(repo: Repo) -> None:
    repo.write({"a.py": "x = 1\n", "b.py": "x = 1\n"})
    relations = [field(1, f"t . p 1 to{number}.") + field(number, 1) for number in (2, 3, 4, 5)]
    local = occurrence([0, 0, 1], "local 1", 1)
    told = symbol("t . p 1 from.", *relations)
    repo.put(index(document("a.py", [local], [told]), document("b.py", [local]), externals=[symbol("e . e 1 e.")]))
    nodes = {node for (node,) in repo.values("cpg_nodes", "node_id", kinds=["SCIP_SYMBOL"])}
    locals_ = {f"scip:{document}:local 1" for (document,) in repo.values("scip_documents", "document_id")}
    assert nodes == {
        *locals_,
        "scip:e . e 1 e.",
        *(f"scip:t . p 1 {name}." for name in ("from", "to2", "to3", "to4", "to5")),
    }
    kinds = {2: "REFERENCE", 3: "IMPLEMENTATION", 4: "TYPE_DEFINITION", 5: "DEFINITION"}
    edges = edges_by_kind(repo)
    for number, kind in kinds.items():
        [edge] = edges[f"SCIP_SYMBOL_{kind}"]
        assert (edge["src_node_id"], edge["dst_node_id"]) == ("scip:t . p 1 from.", f"scip:t . p 1 to{number}.")


def test_every_end_is_a_node(zoo: Repo, zoo_edges: Edges) -> None:
    nodes = {node for (node,) in zoo.values("cpg_nodes", "node_id")}
    symbols = [edge for kind in KINDS for edge in zoo_edges[kind]]
    assert len({edge["edge_id"] for edge in symbols}) == len(symbols) > 100
    assert {edge[end] for edge in symbols for end in ("src_node_id", "dst_node_id")} <= nodes


@pytest.mark.parametrize("output", ["rel_name_symbol", "rel_import_symbol", "rel_callsite_symbol"])
def test_without_an_index_there_are_no_symbols(repo: Repo, output: str) -> None:
    repo.write({"a.py": "import m\nm.f()\n"})
    assert repo.rows(output) == []
