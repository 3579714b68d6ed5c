"""The facts of one file for a points-to analysis: the objects that reach places, and the copies between places.

The lowering is a visit of the syntax tree in which each node class has a function of the shared context. Nothing but
the file is looked at; ``docs/flow.md`` has the meaning of the rows. Names are resolved by the walk's scopes, and where
a variable has several definitions, the control flow says which of them a use may read.
"""

import ast
from collections.abc import Mapping, Sequence

from flight_client.extract.control_graph import ControlGraph
from flight_client.extract.flow_containers import CONTAINERS
from flight_client.extract.flow_context import FlowContext, FlowVisitor
from flight_client.extract.flow_definitions import DEFINITIONS
from flight_client.extract.flow_expressions import EXPRESSIONS
from flight_client.extract.flow_rows import FlowRows
from flight_client.extract.flow_statements import STATEMENTS
from flight_client.extract.flow_variables import Variables
from flight_client.extract.syntax_tree import dispatch_table
from flight_client.extract.walk import Walk

_VISITORS: Mapping[str, FlowVisitor] = {**EXPRESSIONS, **CONTAINERS, **DEFINITIONS, **STATEMENTS}
_DISPATCH = dispatch_table(_VISITORS, FlowContext.parts)


def flow_facts(tree: ast.Module, walk: Walk, graphs: Sequence[ControlGraph]) -> FlowRows:
    """The facts of a file whose walk is finished; ``graphs`` is the control flow of each of its owners."""
    rows = FlowRows()
    variables = Variables(walk.scopes[0], rows)
    variables.keep_apart(graphs)
    FlowContext(walk, rows, variables, _DISPATCH).values(tree.body)
    return rows
