"""The import graph: who may import whom, and through which doorway a library or a file format is used.

It is read from the source with ``ast``; only what must hold when the code runs is tried in a process of its own.
"""

import ast
import subprocess
import sys
from collections.abc import Iterable, Iterator
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = {
    "arrowdsl": ROOT / "arrowdsl",
    "flight_server": ROOT / "flight_server",
    "flight_client": ROOT / "clients" / "python" / "flight_client",
}
EXAMPLE = PACKAGES["flight_server"] / "demo_repo"

SCHEMAS = {"arrowdsl.schema", "arrowdsl.errors"}
CONTRACTS = "flight_client.contracts"
EXTRACTION = {*SCHEMAS, CONTRACTS, "flight_client"}
RELATIONAL = {"arrowdsl", CONTRACTS}
PIPELINE = {*RELATIONAL, "flight_server.kernels", "flight_server.points_to"}
SERVING = {*RELATIONAL, "flight_server.pipeline", "flight_server.storage", "flight_server.access"}
# Each layer and what it may import of ours, itself aside; the longest name that fits a module is its layer.
LAYERS = {
    "arrowdsl": set(),
    CONTRACTS: SCHEMAS,
    "flight_client": {"arrowdsl.compute", "arrowdsl.errors", CONTRACTS},
    "flight_client.polars_scan": {*EXTRACTION, "arrowdsl.compute"},
    "flight_client.extract": EXTRACTION,
    "flight_client.parse_errors": {*EXTRACTION, "flight_client.extract"},
    "flight_client.ingest": {*EXTRACTION, "flight_client.extract", "flight_client.parse_errors"},
    "flight_client.runtime": {*EXTRACTION, "flight_client.extract"},
    "flight_client.protobuf_classes": set(),
    "flight_client.scip": {*EXTRACTION, "flight_client.protobuf_classes"},
    "flight_server": set(),
    "flight_server.storage": RELATIONAL,
    "flight_server.access": {*RELATIONAL, "flight_server.storage"},
    "flight_server.kernels": {"arrowdsl"},
    "flight_server.points_to": RELATIONAL,
    "flight_server.pipeline": PIPELINE,
    "flight_server.serving": {*SERVING, "flight_server.kernels", "flight_client"},
    "flight_server.rpc": {*SERVING, "flight_server.serving", "flight_client.protobuf_classes"},
    "flight_server.agents": {"flight_client", CONTRACTS},
    "flight_server.web": {*SERVING, "flight_server.serving"},
    "flight_server.cli": {
        *SERVING,
        "flight_server",
        "flight_server.serving",
        "flight_server.rpc",
        "flight_server.agents",
        "flight_client",
        "flight_client.extract",
        "flight_client.ingest",
        "flight_client.parse_errors",
        "flight_client.runtime",
    },
    "flight_server.__main__": {"flight_server.cli"},
}
# A library, and where alone it is used. ``importlib`` loads commands when they are called and what needs an extra when
# it is asked for, finds the example repo, and imports the modules that are inspected.
DOORWAYS = {
    "pyarrow.acero": ("arrowdsl.plan",),
    "pyarrow.flight": ("flight_server.rpc", "flight_client"),
    "hamilton": ("flight_server.pipeline",),
    "click": ("flight_server.cli",),
    "platformdirs": ("flight_server.cli",),
    "importlib": (
        "flight_server.cli.main",
        "flight_server.cli.hosting",
        "flight_server.cli.server_options",
        "flight_server.cli.session",
        "flight_server.cli.extra_layers",
        "flight_server.cli.up",
        "flight_server.cli.watch",
        "flight_client.extract",  # whether numpy is there
        "flight_client.runtime.inspector",
        "flight_server.serving.service",
        "flight_server.rpc.sql_door",
        "flight_server.rpc.flight_sql.sql_info",
    ),
    "opentelemetry": ("flight_server.serving.traces",),
    "mcp": ("flight_server.agents",),
    "starlette": ("flight_server.web",),
    "uvicorn": ("flight_server.web.http_server",),
    "prometheus_client": ("flight_server.web.metrics",),
    "duckdb": ("flight_server.serving.sql",),
    "polars": ("flight_client.polars_scan",),
    "google.protobuf": ("flight_client.protobuf_classes", "flight_client.scip", "flight_server.rpc.flight_sql"),
    "tree_sitter": ("flight_client.extract.tree_sitter_nodes",),
    "tree_sitter_python": ("flight_client.extract.tree_sitter_nodes",),
}
# What writes a format, and where alone. Data files come from the store's writers, which the command line uses too; an
# Arrow expression and the files of a FlightDataset are in memory; streams go to stdout and through pipes.
WRITERS = {
    "ParquetWriter": ("flight_server.storage",),
    "write_table": ("flight_server.storage", "flight_client.arrow_files"),
    "new_file": ("flight_server.storage", "flight_client.arrow_files", "flight_client.expressions"),
    "new_stream": ("flight_server.storage.row_formats", "flight_client.extract.workers"),
    "CSVWriter": ("flight_server.storage.row_formats",),
    "write_dataset": (),
    "write_to_dataset": (),
    "write_feather": (),
    "write_csv": (),
}
# Each distribution's packages, and the libraries that it requires.
CLIENT, CLIENT_REQUIRES = {"arrowdsl", "flight_client"}, {"pyarrow"}
SERVER, SERVER_REQUIRES = {"flight_server"}, {"pyarrow", "numpy", "click", "hamilton", "platformdirs"}
# Imported by modules of the client that are loaded when their extra is asked for; the server requires numpy.
EXTRAS = {"google", "polars", "tree_sitter", "tree_sitter_python"}
SERVER_EXTRAS = {
    "duckdb",
    "google",
    "starlette",
    "uvicorn",
    "anyio",
    "prometheus_client",
    "opentelemetry",
    "cryptography",
    "mcp",
}
NUMPY = {"numpy"}


@cache
def modules() -> dict[str, Path]:
    found = {}
    for package, folder in PACKAGES.items():
        for path in folder.rglob("*.py"):
            if EXAMPLE not in path.parents:
                steps = path.relative_to(folder).with_suffix("").parts
                found[".".join((package, *steps)).removesuffix(".__init__")] = path
    return found


@cache
def tree(module: str) -> ast.Module:
    return ast.parse(modules()[module].read_text(encoding="utf-8"))


def imported(module: str) -> Iterator[str]:
    """The modules that a module imports, and the names that it takes from them where those are modules too."""
    for node in ast.walk(tree(module)):
        match node:
            case ast.Import(names):
                yield from (alias.name for alias in names)
            case ast.ImportFrom(module=str(source), names=names, level=0):
                full = [f"{source}.{alias.name}" for alias in names]
                submodules = [name for name in full if name in modules() or within(name, DOORWAYS)]
                yield from submodules
                if len(submodules) < len(full):
                    yield source


def ours(module: str) -> set[str]:
    return {name for name in imported(module) if name in modules()}


def within(module: str, packages: Iterable[str]) -> bool:
    return any(module == package or module.startswith(f"{package}.") for package in packages)


def layer(module: str) -> str:
    return max((name for name in LAYERS if within(module, [name])), key=len)


def functions(module: str) -> Iterator[ast.AST]:
    return (node for node in ast.walk(tree(module)) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


def names_used(module: str) -> set[str]:
    """The attributes and imported names in a module's code."""
    nodes = list(ast.walk(tree(module)))
    attributes = {node.attr for node in nodes if isinstance(node, ast.Attribute)}
    return attributes | {node.name for node in nodes if isinstance(node, ast.alias)}


def test_layers_import_only_what_stands_before_them() -> None:
    wrong = {
        f"{module} imports {name}"
        for module in modules()
        for name in ours(module)
        if layer(name) != layer(module) and not within(name, LAYERS[layer(module)])
    }
    assert not wrong


def test_every_layer_has_modules() -> None:
    assert {layer(module) for module in modules()} == set(LAYERS)


def test_no_import_cycles() -> None:
    graph = {module: ours(module) - {module} for module in modules()}
    assert len(list(TopologicalSorter(graph).static_order())) == len(modules())


def test_no_imports_inside_functions() -> None:
    nested = {
        module
        for module in modules()
        for function in functions(module)
        for node in ast.walk(function)
        if isinstance(node, ast.Import | ast.ImportFrom)
    }
    assert not nested


def test_imports_are_absolute() -> None:
    relative = {
        module
        for module in modules()
        for node in ast.walk(tree(module))
        if isinstance(node, ast.ImportFrom) and node.level
    }
    assert not relative


@pytest.mark.parametrize("library", DOORWAYS)
def test_a_library_has_one_doorway(library: str) -> None:
    users = {module for module in modules() if any(within(name, [library]) for name in imported(module))}
    assert users
    assert {user for user in users if not within(user, DOORWAYS[library])} == set()


@pytest.mark.parametrize("writer", WRITERS)
def test_files_and_streams_are_written_by_few(writer: str) -> None:
    users = {module for module in modules() if writer in names_used(module)}
    assert {user for user in users if not within(user, WRITERS[writer])} == set()
    assert {doorway for doorway in WRITERS[writer] if not any(within(user, [doorway]) for user in users)} == set()


def libraries(users: Iterable[str]) -> set[str]:
    """What these modules import, apart from the standard library."""
    return {name.partition(".")[0] for module in users for name in imported(module)} - set(sys.stdlib_module_names)


def test_a_distribution_imports_what_it_requires() -> None:
    client, server = ([each for each in modules() if within(each, packages)] for packages in (CLIENT, SERVER))
    assert libraries(client) - CLIENT == CLIENT_REQUIRES | EXTRAS | NUMPY
    assert libraries(server) - SERVER - CLIENT == SERVER_REQUIRES | SERVER_EXTRAS


def test_reading_needs_pyarrow_alone() -> None:
    reading = [module for module in modules() if layer(module) == "flight_client"]
    assert libraries(reading) - CLIENT == CLIENT_REQUIRES


def loaded_by(*names: str) -> set[str]:
    """The packages that a process has loaded once it has imported these modules."""
    code = f"import {', '.join(names)}, sys; print(*{{name.partition('.')[0] for name in sys.modules}})"
    return set(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split())


def test_the_client_loads_nothing_beside_pyarrow() -> None:
    # pyarrow.dataset itself loads pandas if it is installed
    beside = loaded_by("flight_client") - loaded_by("pyarrow.dataset", "pyarrow.flight") - set(sys.stdlib_module_names)
    assert beside <= CLIENT


def test_extraction_and_the_first_look_at_the_command_line_do_not_load_the_pipeline() -> None:
    assert "hamilton" not in loaded_by("flight_client.ingest")
    assert "hamilton" not in loaded_by("flight_server.cli.main")


def test_extras_are_not_loaded_before_they_are_asked_for() -> None:
    assert not loaded_by("flight_client.ingest", "flight_server.cli.write") & EXTRAS
    assert not loaded_by("flight_server.rpc.server", "flight_server.cli.sql") & (EXTRAS | SERVER_EXTRAS)
