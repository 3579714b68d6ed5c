"""Conditions to facts: imports for type checkers, in whose place others are run, are left out."""

import ast

from flight_client.extract.flow_context import FlowContext

_FLAG = "TYPE_CHECKING"


def lower_if(flow: FlowContext, node: ast.If) -> None:
    """Lower an ``if``. Of imports under ``if TYPE_CHECKING``, those are left out whose names the other branch binds."""
    flow.values((node.test,))
    match node.test:
        case ast.UnaryOp(op=ast.Not(), operand=test) if _is_flag(test):
            replaced, bound = node.orelse, _bound(node.body)
        case test if _is_flag(test):
            replaced, bound = node.body, _bound(node.orelse)
        case _:
            replaced, bound = [], set[str]()
    for branch in (node.body, node.orelse):
        flow.values(each for each in branch if branch is not replaced or not _is_replaced(each, bound))


def _is_flag(test: ast.expr) -> bool:
    """Whether a condition is ``TYPE_CHECKING``, of whatever module: it is false when the code runs."""
    return (isinstance(test, ast.Name) and test.id == _FLAG) or (isinstance(test, ast.Attribute) and test.attr == _FLAG)


def _is_replaced(statement: ast.stmt, bound: set[str]) -> bool:
    """Whether a statement is an import of names that are all among ``bound``."""
    match statement:
        case ast.Import(names=names) | ast.ImportFrom(names=names):
            return all((each.asname or each.name.partition(".")[0]) in bound for each in names)
    return False


def _bound(statements: list[ast.stmt]) -> set[str]:
    """The names that statements bind: by imports, definitions and assignments."""
    names = set()
    for node in (node for statement in statements for node in ast.walk(statement)):
        match node:
            case ast.alias(name=name, asname=asname):
                names.add(asname or name.partition(".")[0])
            case ast.Name(id=name, ctx=ast.Store()):
                names.add(name)
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                names.add(name)
    return names
