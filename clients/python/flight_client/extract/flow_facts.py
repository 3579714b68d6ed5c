"""The facts of the points-to layer in one file: the rows of the ``flow`` layer.

They say which objects come to be at which places, and how places take from each other; nothing of another file is
looked at. ``docs/flow.md`` has their meaning. Names are resolved by the walk's scopes, and where a variable has several
definitions, the control flow tells which of them a use may read.
"""

import ast
from collections.abc import Sequence

from flight_client.extract.control_flow import OwnerGraph
from flight_client.extract.flow_rows import FlowRows
from flight_client.extract.flow_statements import Statements
from flight_client.extract.flow_variables import Variables
from flight_client.extract.walk import Walk


def flow_facts(tree: ast.Module, walk: Walk, graphs: Sequence[OwnerGraph]) -> FlowRows:
    """The facts of a file whose walk is finished; ``graphs`` is the control flow of each of its owners."""
    rows = FlowRows()
    variables = Variables(walk.scopes[0], rows)
    variables.keep_apart(graphs)
    Statements(walk, rows, variables).values(tree.body)
    return rows
