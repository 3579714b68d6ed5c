"""The import graph: who may import whom, read from the source with ``ast``. Only what is checked here is a rule.

Parquet and Arrow IPC *files* are written by the store; what goes to stdout or through a pipe is a stream, and CSV
belongs to the command line, so each of these has a doorway of its own.
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

CLIENT_BASE = {"arrowdsl.schema", "arrowdsl.errors"}
CONTRACTS = {*CLIENT_BASE, "flight_server.contracts"}
RELATIONAL = {"arrowdsl", "flight_server.contracts"}
SERVING = {*RELATIONAL, "flight_server.pipeline", "flight_server.storage"}
# Each layer and what it may import of ours, itself aside; the longest name that fits a module is its layer.
LAYERS = {
    "arrowdsl": set(),
    "flight_server": set(),
    "flight_server.contracts": CLIENT_BASE,
    "flight_client": set(),
    "flight_client.extract": {*CONTRACTS, "flight_client"},
    "flight_client.ingest": {*CONTRACTS, "flight_client", "flight_client.extract"},
    "flight_server.storage": RELATIONAL,
    "flight_server.normalize": RELATIONAL,
    "flight_server.cpg": RELATIONAL,
    "flight_server.pipeline": {*RELATIONAL, "flight_server.normalize", "flight_server.cpg"},
    "flight_server.serving": SERVING,
    "flight_server.rpc": {*SERVING, "flight_server.serving"},
    "flight_server.cli": {
        *SERVING,
        "flight_server",
        "flight_server.serving",
        "flight_server.rpc",
        "flight_client",
        "flight_client.extract",
        "flight_client.ingest",
    },
}
# A library, or a name that writes files, and where alone it may stand.
DOORWAYS = {
    "pyarrow.acero": ("arrowdsl.plan",),
    "pyarrow.flight": ("flight_server.rpc", "flight_client"),
    "hamilton": ("flight_server.pipeline",),
    "click": ("flight_server.cli",),
    "importlib": ("flight_server.cli.main", "flight_server.cli.up"),
    "numpy": ("arrowdsl.compute", "arrowdsl.finalize", "flight_client", "flight_server.storage"),
}
WRITERS = {
    "flight_server.storage": {"ParquetWriter", "write_table", "write_to_dataset", "write_dataset", "new_file"},
    "flight_server.cli.files": {"CSVWriter", "write_csv"},
}
REQUIRED = {"pyarrow", "numpy", "click", "hamilton"}


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


def test_layers_import_only_what_stands_before_them() -> None:
    wrong = {
        f"{module} imports {name}"
        for module in modules()
        for name in ours(module)
        if layer(name) != layer(module) and not within(name, LAYERS[layer(module)])
    }
    assert not wrong


def test_every_layer_that_a_layer_may_import_exists() -> None:
    assert {allowed for layers in LAYERS.values() for allowed in layers} - set(LAYERS) <= CLIENT_BASE


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
        module for module in modules() for node in ast.walk(tree(module)) if isinstance(node, ast.ImportFrom) and node.level
    }
    assert not relative


@pytest.mark.parametrize("library", DOORWAYS)
def test_a_library_has_one_doorway(library: str) -> None:
    users = {module for module in modules() if any(within(name, [library]) for name in imported(module))}
    assert users
    assert {user for user in users if not within(user, DOORWAYS[library])} == set()


@pytest.mark.parametrize("doorway", WRITERS)
def test_files_are_written_through_one_doorway(doorway: str) -> None:
    users = {
        module
        for module in modules()
        for node in ast.walk(tree(module))
        if (isinstance(node, ast.Attribute) and node.attr in WRITERS[doorway])
        or (isinstance(node, ast.alias) and node.name in WRITERS[doorway])
    }
    assert users
    assert {user for user in users if not within(user, [doorway])} == set()


def test_what_is_imported_is_what_the_package_requires() -> None:
    roots = {name.partition(".")[0] for module in modules() for name in imported(module)}
    assert roots - set(sys.stdlib_module_names) - set(PACKAGES) == REQUIRED


def test_the_client_needs_pyarrow_alone() -> None:
    roots = {
        name.partition(".")[0]
        for module in modules()
        if layer(module) == "flight_client"
        for name in imported(module)
    }
    assert roots - set(sys.stdlib_module_names) == {"pyarrow", "flight_client"}


def loaded_by(statement: str) -> set[str]:
    shown = f"{statement}; import sys; print(*sys.modules)"
    return set(subprocess.run([sys.executable, "-c", shown], capture_output=True, text=True, check=True).stdout.split())


def test_importing_the_client_loads_nothing_of_the_server() -> None:
    loaded = loaded_by("import flight_client")
    assert "pyarrow.flight" in loaded
    assert not {"arrowdsl", "flight_server", "hamilton", "pandas", "click", "duckdb", "polars"} & loaded


def test_extraction_loads_contracts_and_no_server() -> None:
    loaded = loaded_by("import flight_client.ingest")
    assert "flight_server.contracts" in loaded
    assert not {"hamilton", "pandas", "flight_server.pipeline", "flight_server.rpc", "click"} & loaded


def test_the_command_line_is_up_before_the_pipeline_is_loaded() -> None:
    assert not {"hamilton", "pandas", "pyarrow.flight"} & loaded_by("import flight_server.cli") 
