"""Reaching definitions as rows: the pairs that the kernel finds, with the ids of events and joins.

The id of a join is the id of its point, ``/join:`` and a number; the joins of a point are numbered by their variables.
"""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from flight_server.kernels.arrays import Ints, is_first
from flight_server.kernels.block_graph import FlowGraph
from flight_server.kernels.reaching_definitions import Events, reaching_definitions

_FILE = ("file_id", "path")
_COLUMNS = (*_FILE, "use_event_id", "variable", "join_point_id")


def reaching_rows(
    graph: FlowGraph, effects: Events, events: pa.Table, points: pa.Table, variables: pa.StringArray
) -> pa.Table:
    """file_id, path, def_event_id, use_event_id, variable, join_point_id (null where a use is reached and not a join).

    ``events`` has the rows of ``effects`` and the columns file_id, path, event_id; ``points`` has the points of
    ``graph`` and the columns file_id, path, point_id. ``variables`` are the names of the variables, by their numbers.
    """
    found = reaching_definitions(graph, effects)
    own = [events.column(name) for name in (*_FILE, "event_id")]
    read = pa.table([*own, variables.take(pa.array(effects.variable)), pa.nulls(len(events), pa.string())], _COLUMNS)
    at = points.select([*_FILE, "point_id"]).take(pa.array(found.join_point))
    named = variables.take(pa.array(found.join_variable))
    ids = pc.binary_join_element_wise(
        at.column("point_id"), _numbers(found.join_point, named).cast(pa.string()), "/join:"
    )
    joins = pa.table([*at.columns[:2], ids, named, at.column("point_id")], _COLUMNS)
    ends = pa.concat_tables([read, joins])
    rows = ends.take(pa.array(found.target))
    return rows.append_column("def_event_id", ends.column("use_event_id").take(pa.array(found.source)))


def _numbers(points: Ints, names: pa.StringArray) -> pa.Array:
    """The place of each row among those of its point, by name."""
    keys = pa.table({"point": points, "name": names})
    order = pc.sort_indices(keys, sort_keys=[("point", "ascending"), ("name", "ascending")]).to_numpy()
    place = np.arange(len(order))
    number = np.empty_like(place)
    number[order] = place - np.maximum.accumulate(np.where(is_first(points[order]), place, 0))
    return pa.array(number)
