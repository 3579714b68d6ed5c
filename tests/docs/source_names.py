"""The names in the source: what the documents may speak of."""

import ast
import importlib.util
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from documents import ROOT

PACKAGES = (ROOT / "arrowdsl", ROOT / "flight_server", ROOT / "clients" / "python" / "flight_client")
Definition = ast.FunctionDef | ast.ClassDef


@cache
def trees() -> dict[Path, ast.Module]:
    paths = [path for package in PACKAGES for path in package.rglob("*.py") if "demo_repo" not in path.parts]
    return {path: ast.parse(path.read_text(encoding="utf-8")) for path in paths}


def trees_under(folder: str) -> list[ast.Module]:
    return [tree for path, tree in trees().items() if ROOT / folder in path.parents]


@cache
def defined_in(path: Path) -> frozenset[str]:
    """What a file defines: functions, classes, constants, and the members of its classes as ``Class.member``."""
    names: set[str] = set()
    for node in trees()[path].body:
        names |= set(_bound(node))
        if isinstance(node, ast.ClassDef):
            names |= {f"{node.name}.{name}" for member in node.body for name in _bound(member)}
    return frozenset(names)


@cache
def words() -> frozenset[str]:
    """All names in the code, and the words in its strings, which hold columns, commands and keys; not docstrings."""
    found: set[str] = set()
    for tree in trees().values():
        docstrings = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
        for node in ast.walk(tree):
            match node:
                case ast.Name(name) | ast.arg(name) | ast.FunctionDef(name) | ast.ClassDef(name) | ast.alias(name):
                    found.add(name)
                case ast.Attribute(attr=name) | ast.keyword(arg=str(name)):
                    found.add(name)
                case ast.ImportFrom(module=str(name)):
                    found |= set(name.split("."))
                case ast.Constant(str(text)) if id(node) not in docstrings:
                    found |= set(re.findall(r"\w+", text))
    return frozenset(found)


def exists(dotted: str) -> bool:
    """Whether ``Class.member`` stands in the source, or a dotted name is a module or something in one."""
    if any(dotted in defined_in(path) for path in trees()):
        return True
    module, _, name = dotted.rpartition(".")
    try:
        holder = importlib.import_module(module)
    except ModuleNotFoundError:
        return False
    return hasattr(holder, name) or importlib.util.find_spec(dotted) is not None


def client_codes() -> set[str]:
    """The codes that the client gives its own errors."""
    trees = trees_under("clients/python/flight_client")
    kinds = {"FlightClientError", "ServerBusyError", "StreamClosedError", "UnreachableError"}
    codes = {
        node.args[0].value
        for tree in trees
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id in kinds
        and isinstance(node.args[0], ast.Constant)
    }
    by_kind = next(node for tree in trees for node in ast.walk(tree) if _assigns(node, "_CODES"))
    return codes | {
        node.value for node in ast.walk(by_kind) if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }


def guard_codes() -> set[str]:
    """The codes that the Flight layer answers with where there is no DataError."""
    codes = set()
    for tree in trees_under("flight_server/rpc"):
        for node in ast.walk(tree):
            match node:
                case ast.Call(ast.Name("answer"), [_, ast.Constant(str(code)), *_]):
                    codes.add(code)
    return codes


def _bound(node: ast.AST) -> Iterator[str]:
    match node:
        case ast.FunctionDef(name) | ast.ClassDef(name) | ast.AnnAssign(ast.Name(name)):
            yield name
        case ast.Assign(targets):
            yield from (target.id for target in targets if isinstance(target, ast.Name))


def _assigns(node: ast.AST, name: str) -> bool:
    return isinstance(node, ast.Assign | ast.AnnAssign) and name in set(_bound(node))
