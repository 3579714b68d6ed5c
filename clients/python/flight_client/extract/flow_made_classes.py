"""Classes that a call makes to facts: their bases, attributes, fields and members, as for a class statement."""

import ast
from collections.abc import Sequence

from flight_client.extract.flow_annotations import annotate
from flight_client.extract.flow_context import FlowContext
from flight_client.extract.lexical_scopes import LexicalScope
from flight_client.extract.made_classes import bases_of, entries_of, keys_of
from flight_client.extract.places import Place, base_place, variable_place


def made_class(flow: FlowContext, node: ast.Call, callee: Place | None, arguments: Sequence[Place | None]) -> Place:
    """The place of the class that a call makes; ``arguments`` are the places of the call's positional arguments.

    A field of a named tuple or typed dictionary is an annotated variable of the class, a member is one with a value.
    """
    made, kind = flow.walk.made[node]
    place = flow.temporary()
    flow.rows.allocs.append((place, made.def_id, "class", None))
    match kind:
        case "type":
            _derive(flow, made, node, arguments[1])
            _fill(flow, made, node.args[2], arguments[2])
            return place
        case "fields":
            flow.rows.allocs.append((base_place(made, 0), "typing", "import_from", "NamedTuple"))
        case _:
            flow.copy(base_place(made, 0), callee, "assign")
    for name, described in entries_of(node):
        variable = variable_place(made, name)
        if kind == "members":
            flow.copy(variable, flow.constant_of("int"), "assign")
            continue
        flow.rows.annotations.append((variable, None))
        if kind == "typed" and described is not None:
            annotate(flow, variable, described)
    return place


def _derive(flow: FlowContext, made: LexicalScope, node: ast.Call, bases: Place | None) -> None:
    """Load the bases from their tuple; if they are not spelled, any item of the tuple is one."""
    spelled = isinstance(node.args[1], ast.Tuple | ast.List)
    for position in range(len(bases_of(node)) if bases is not None else 0):
        at = str(position) if spelled else None
        flow.load(base_place(made, position), bases or "", "item" if spelled else "iter", at)


def _fill(flow: FlowContext, made: LexicalScope, node: ast.expr, namespace: Place | None) -> None:
    """Load the attributes from the namespace, under its keys or under those of all dictionaries in the file."""
    if namespace is not None:
        for name in keys_of(node) or flow.walk.spelled_keys:
            flow.load(variable_place(made, name), namespace, "item", repr(name))
