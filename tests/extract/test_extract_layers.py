"""Layers: only what is chosen is extracted and put, and an ingest notices what a server lacks."""

import shutil

import pytest
from extract_rows import DEMO

from flight_client import connect
from flight_client.contracts.raw import RAW_TABLES
from flight_client.extract import DEFAULT_LAYERS, EXTRACTED, LAYERS, UnknownLayerError, extract, scan
from flight_client.extract.layers import tables_of
from flight_client.ingest import ingest
from flight_server.pipeline.driver import load_pipeline
from flight_server.rpc.server import FlightServer
from flight_server.serving.service import Service
from flight_server.storage.store import Store

CHANGED = "shop/pricing.py"
OPTIONAL = set(LAYERS) - set(DEFAULT_LAYERS)


@pytest.fixture(name="client")
def client_of_a_new_store(tmp_path):
    server = FlightServer(Service(Store(tmp_path / "store"), load_pipeline()))
    with connect(server.uri) as client:
        yield client
    server.stop()


@pytest.fixture(name="root")
def copy_of_the_demo(tmp_path):
    return shutil.copytree(DEMO, tmp_path / "demo")


def rows(client, table):
    with client.read("demo", table) as reader:
        return reader.read_all()


def paths(client, table):
    return set(rows(client, table).column("path").to_pylist())


def update(client, root, *layers):
    return ingest(client, root, repo="demo", jobs=1, layers=layers or LAYERS)


def edit(root):
    file = root / CHANGED
    file.write_text("# a comment\n" + file.read_text())


@pytest.mark.parametrize("layers", [("cst",), ("ast",), ("sym",), ("sym", "ast"), ()])
def test_only_tables_of_the_chosen_layers_are_extracted(layers):
    found = {name for name, _ in extract(scan(DEMO), repo="r", parts=1, jobs=1, layers=layers)}
    assert {RAW_TABLES[name].layer for name in found} == {"repo", *layers}


def test_a_layers_rows_do_not_depend_on_the_others():
    every = list(extract(scan(DEMO), repo="r", parts=1, jobs=1, layers=LAYERS))
    for layer in LAYERS:
        alone = list(extract(scan(DEMO), repo="r", parts=1, jobs=1, layers=[layer]))
        chosen = tables_of([layer])
        assert alone == [(name, batch) for name, batch in every if name in chosen]


def test_an_unknown_layer_is_refused():
    with pytest.raises(UnknownLayerError, match="unknown layer 'cfx'; layers: "):
        next(extract(scan(DEMO), repo="r", parts=1, jobs=1, layers=("cst", "cfx")))


def test_layers_not_chosen_are_not_put(client, root):
    done = update(client, root, "sym")
    assert {RAW_TABLES[name].layer for name in done.rows} == {"repo", "sym"}
    assert rows(client, "ast_nodes").num_rows == 0


def test_a_layer_that_the_server_lacks_is_extracted(client, root):
    update(client, root, "cst")
    assert update(client, root, "cst").snapshot is None
    assert update(client, root, "cst", "ast").extracted == len(scan(root))
    assert paths(client, "ast_nodes") | paths(client, "ast_errors") == paths(client, "repo_files")
    assert update(client, root, "ast").snapshot is None


def test_a_change_takes_outdated_rows_from_layers_not_chosen_until_they_are(client, root):
    update(client, root)
    edit(root)
    assert update(client, root, "cst").extracted == 1
    assert CHANGED not in paths(client, "ast_nodes") | paths(client, "sym_scopes")
    assert update(client, root, "cst").snapshot is None
    update(client, root)
    assert CHANGED in paths(client, "ast_nodes") & paths(client, "sym_scopes")


def test_optional_layers_are_extracted_when_they_are_asked_for_by_name(client, root):
    tables = [table for table in EXTRACTED if RAW_TABLES[table].layer in OPTIONAL]
    assert not {RAW_TABLES[table].layer for table in ingest(client, root, repo="demo", jobs=1).rows} & OPTIONAL
    assert not any(rows(client, table).num_rows for table in tables)
    update(client, root, *OPTIONAL)
    assert paths(client, "ts_nodes") == paths(client, "repo_files")
    assert paths(client, "bc_code_units") | paths(client, "bc_errors") == paths(client, "repo_files")


def test_an_optional_layer_loses_the_rows_of_what_has_changed_until_it_is_asked_for_again(client, root):
    update(client, root, *LAYERS)
    edit(root)
    (root / "report.py").unlink()
    assert ingest(client, root, repo="demo", jobs=1).extracted == 1
    assert not {CHANGED, "report.py"} & (paths(client, "ts_nodes") | paths(client, "bc_code_units"))
    update(client, root, *LAYERS)
    assert CHANGED in paths(client, "ts_nodes") & paths(client, "bc_code_units")


def test_after_any_such_way_the_rows_are_those_of_one_ingest(client, root, tmp_path):
    update(client, root, "cst", "sym")
    edit(root)
    update(client, root, "ast")
    (root / "report.py").unlink()
    update(client, root, "sym")
    update(client, root)
    server = FlightServer(Service(Store(tmp_path / "fresh"), load_pipeline()))
    try:
        with connect(server.uri) as fresh:
            update(fresh, root)
            for table in EXTRACTED:
                assert rows(client, table).equals(rows(fresh, table)), table
    finally:
        server.stop()
