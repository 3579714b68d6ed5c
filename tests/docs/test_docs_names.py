"""What the documents name exists, and what exists is named in them."""

import re
import tomllib
from dataclasses import fields
from importlib import import_module

import pytest
from documents import ROOT, blocks, document, documents
from source_names import client_codes, defined_in, exists, guard_codes, trees, words

import flight_client
from arrowdsl.errors import DataError
from flight_client.contracts.tables import TABLES
from flight_client.extract import EXTRACTED
from flight_server.cli.main import COMMANDS, commands
from flight_server.pipeline.driver import load_pipeline
from flight_server.rpc.actions import ACTIONS
from flight_server.rpc.codec import MODES, Put
from flight_server.serving.request import Request

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
IDENTIFIER = re.compile(r"[A-Za-z_]\w*")
DOTTED = re.compile(r"[A-Za-z_]\w*(\.\w+)+")
PATH = re.compile(r"(\.?[\w-]+/)+[\w.-]*|[\w-]+\.(py|md|toml)")
DEFINED_AT = re.compile(r"`([\w.]+)`(?:\s+in\s+|\s+of\s+|\s+\()`([\w/]+\.py)`")
TABLES_DOC, WIRE, CLIENT, README = map(document, ("docs/tables.md", "docs/wire.md", "docs/client.md", "README.md"))
each_document = pytest.mark.parametrize("doc", documents(), ids=lambda doc: doc.name)


def options_of(command: str) -> set[str]:
    parameters = commands.get_command(commands.make_context("", [command]), command).params
    return {name for parameter in parameters for name in parameter.opts if name.startswith("--")}


def all_options() -> set[str]:
    group = {name for parameter in commands.params for name in parameter.opts}
    return group.union({"--help"}, *map(options_of, COMMANDS))


@each_document
def test_named_paths_exist(doc) -> None:
    paths = [span for span in doc.spans if PATH.fullmatch(span)]
    assert [path for path in paths if not (ROOT / path).exists()] == []


@each_document
def test_named_things_exist(doc) -> None:
    plain = {span.removesuffix("()") for span in doc.spans}
    names = {name for name in plain if IDENTIFIER.fullmatch(name)}
    contracts = {spec.contract for spec in TABLES.values()}
    assert names - words() - {*TABLES, *contracts, *PROJECT["optional-dependencies"]} == set()
    assert {name for name in plain if DOTTED.fullmatch(name) and not PATH.fullmatch(name) and not exists(name)} == set()


def test_what_the_architecture_places_in_a_file_is_defined_there() -> None:
    placed = DEFINED_AT.findall(document("docs/architecture.md").text)
    assert len(placed) > 0
    assert [(name, path) for name, path in placed if name not in defined_in(ROOT / path)] == []
    assert {path for _, path in placed} <= {path.relative_to(ROOT).as_posix() for path in trees()}


@each_document
def test_named_options_exist(doc) -> None:
    named = {word for span in doc.spans for word in span.split() if word.startswith("--")}
    assert named - all_options() == set()


def test_every_command_and_option_is_named() -> None:
    words_named = {word for span in README.spans for word in span.split()}
    assert {*COMMANDS, *all_options()} - words_named == set()


def test_the_table_of_commands_gives_each_its_options() -> None:
    shared = {"--server", "--store"}
    for row in README.section("Command line").rows():
        names = {span.split()[0] for span in row[0]}
        options = set().union(*map(options_of, names))
        assert set(row[1]) - shared == options - shared, names


def test_every_table_is_listed_with_its_contract() -> None:
    listed = {row[0][0]: row[1][0] for row in TABLES_DOC.rows()}
    assert listed == {name: spec.contract for name, spec in TABLES.items()}


def test_the_tables_that_are_extracted_are_listed_as_such() -> None:
    assert set(TABLES_DOC.section("Raw tables that `up` and `ingest` extract").keys()) == set(EXTRACTED)


def test_every_layer_is_named() -> None:
    pipeline = load_pipeline().values()
    layers = {output.tags["layer"] for output in pipeline if output.spec is not None}
    assert layers - set(WIRE.spans) == set()


@pytest.mark.parametrize(
    ("section", "names"),
    [
        ("Tickets", [column.name for column in fields(Request)]),
        ("Writing", [column.name for column in fields(Put)]),
        ("Actions", list(ACTIONS)),
    ],
)
def test_the_wire_document_lists_the_keys_and_actions(section: str, names: list[str]) -> None:
    assert sorted(WIRE.section(section).keys()) == sorted(names)


def test_every_mode_of_a_put_is_named() -> None:
    assert set(MODES) - set(WIRE.section("Writing").spans) == set()


def test_the_wire_document_lists_the_error_codes() -> None:
    for module in sorted({tree.relative_to(ROOT).with_suffix("").as_posix() for tree in trees()}):
        import_module(module.removeprefix("clients/python/").removesuffix("/__init__").replace("/", "."))
    known = {error.code for error in errors_of(DataError)} | guard_codes()
    assert sorted(WIRE.section("Errors").keys()) == sorted(known)


def errors_of(kind: type[DataError]) -> set[type[DataError]]:
    return {kind}.union(*map(errors_of, kind.__subclasses__()))


def test_the_client_document_lists_the_client_and_its_codes() -> None:
    assert sorted(CLIENT.section("Errors").keys()) == sorted(client_codes())
    methods = {name for name in vars(flight_client.Client) if not name.startswith("_")}
    named = {name for span in CLIENT.spans for name in re.findall(r"\w+", span)}
    assert {*flight_client.__all__, *methods} - {"connect", *named} == set()
    assert any("from flight_client import connect" in block.code for block in CLIENT.blocks("python"))


@each_document
def test_links_lead_somewhere(doc) -> None:
    for link in doc.links:
        path, _, anchor = link.partition("#")
        target = (ROOT / doc.name).parent / path
        assert target.is_file(), link
        assert not anchor or anchor in document(target.resolve().relative_to(ROOT).as_posix()).anchors, link


def test_versions_are_those_of_the_package() -> None:
    assert PROJECT["version"] == re.search(r"^## (\S+)", document("CHANGELOG.md").text, re.MULTILINE)[1]
    assert f"Python {PROJECT['requires-python'].removeprefix('>=')} or newer" in README.text


def test_the_extras_to_install_exist() -> None:
    installs = [block.code for block in blocks("console")] + [span for doc in documents() for span in doc.spans]
    named = {
        name for text in installs for extras in re.findall(r"'\.\[([\w,]+)\]'", text) for name in extras.split(",")
    }
    assert named
    assert named <= set(PROJECT["optional-dependencies"])
