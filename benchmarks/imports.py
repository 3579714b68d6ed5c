"""Compares the imports that run with PY_IMPORTS_MODULE: the graph should name the modules that Python loads.

``python benchmarks/imports.py SERVER REPO FOLDER --path src MODULE …``: FOLDER is ingested as REPO at the server, and
``--path`` names folders in it to import from. Each MODULE is imported in a new interpreter, which runs its code, and
every import statement of the folder's files that runs is compared with the graph. Extension modules count as modules
outside the folder. Prints the share that agrees, and what differs.
"""

import json
import subprocess
import sys
from argparse import ArgumentParser
from collections import defaultdict
from pathlib import Path

from flight_client import Client, connect

Statement = tuple[str, int, str, str]

# Runs in the new interpreter. Arguments: a JSON list of the folder, the folders to import from, and the modules.
_TRACE = """
import builtins, importlib, json, sys
folder, paths, modules = json.loads(sys.argv[1])
sys.path[:0] = paths
found, plain = [], builtins.__import__

def place(module):
    file = getattr(module, "__file__", None) or ""
    return file[len(folder) + 1:] if file.startswith(folder + "/") and file.endswith(".py") else ""

def traced(name, globals=None, locals=None, fromlist=(), level=0):
    result = plain(name, globals, locals, fromlist, level)
    file = sys._getframe(1).f_code.co_filename
    if file.startswith(folder + "/"):
        path = file[len(folder) + 1:]
        if fromlist:
            for each in fromlist:
                module = sys.modules.get(f"{result.__name__}.{each}")
                inner = module is not None and getattr(result, each, None) is module
                found.append((path, level, name, each, place(module if inner else result)))
        else:
            found.append((path, level, "", name, place(sys.modules.get(name))))
    return result

builtins.__import__ = traced
for module in modules:
    try:
        importlib.import_module(module)
    except BaseException as error:
        print(f"{module}: {error!r}", file=sys.stderr)
builtins.__import__ = plain
sys.__stdout__.write("\\n" + json.dumps(found))
"""


def loaded(folder: Path, paths: list[str], modules: list[str]) -> dict[Statement, set[str]]:
    """The files that import statements load, by statement; empty for a module outside the folder."""
    asked = json.dumps([str(folder), [str(folder / path) for path in paths], modules])
    done = subprocess.run([sys.executable, "-c", _TRACE, asked], capture_output=True, text=True, check=True)
    sys.stderr.write(done.stderr)
    found = defaultdict(set)
    for path, level, module, name, file in json.loads(done.stdout.splitlines()[-1]):
        found[path, level, module, name].add(file)
    return found


def named(client: Client, repo: str) -> dict[Statement, set[str]]:
    """The files of the modules that the graph names, by import statement; empty for a module outside the repo."""
    with client.read(repo, "repo_files", columns=["file_id", "path"]) as reader:
        files = {f"module:{row['file_id']}": row["path"] for row in reader.read_all().to_pylist()}
    found = defaultdict(set)
    with client.read(repo, "cpg_edges", columns=["src_node_id", "dst_node_id"], kinds=["PY_IMPORTS_MODULE"]) as reader:
        for row in reader.read_all().to_pylist():
            found[row["src_node_id"]].add(files.get(row["dst_node_id"], ""))
    columns = ["path", "import_id", "relative_level", "module", "name"]
    statements = defaultdict(set)
    with client.read(repo, "cst_imports", columns=columns) as reader:
        for row in reader.read_all().to_pylist():
            key = (row["path"], row["relative_level"] or 0, row["module"] or "", row["name"])
            statements[key] |= found[row["import_id"]]
    return statements


def main() -> None:
    """Compare, and print the differences."""
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("server")
    parser.add_argument("repo")
    parser.add_argument("folder", type=Path)
    parser.add_argument("modules", nargs="+")
    parser.add_argument("--path", action="append", default=[])
    asked = parser.parse_args()
    runs = loaded(asked.folder.resolve(), asked.path or ["."], asked.modules)
    with connect(asked.server) as client:
        says = named(client, asked.repo)
    runs = {key: files for key, files in runs.items() if key in says}  # others are calls of ``__import__``
    differing = [key for key, files in runs.items() if says[key] != files]
    for key in differing:
        print(*key, "loads", sorted(runs[key]), "graph", sorted(says[key]))
    print(f"{asked.repo}: {len(runs)} statements ran, {1 - len(differing) / max(len(runs), 1):.2%} agree")


if __name__ == "__main__":
    main()
