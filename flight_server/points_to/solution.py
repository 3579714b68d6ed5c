"""From the raw facts of a repo to the table of relations: the whole kernel in one line of stages."""

from collections.abc import Mapping

import pyarrow as pa

from arrowdsl.plan.stopping import check_stopped
from flight_server.points_to.inputs import whole
from flight_server.points_to.library_names import fixed_names
from flight_server.points_to.solve import solve
from flight_server.points_to.source import number_source
from flight_server.points_to.tables import relations


def solution(tables: Mapping[str, pa.Table]) -> pa.Table:
    """The relations of ``tables.SCHEMA``, from tables with the columns of ``inputs.INPUTS``; missing ones are empty.

    Raises what ``check_stopped`` raises when the work is no longer wanted, between two rounds.
    """
    return relations(solve(number_source(whole(tables), fixed_names()), check_stopped))
