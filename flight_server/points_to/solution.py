"""From the raw facts of a repo to the table of relations: the whole kernel in one line of stages."""

from collections.abc import Mapping

import pyarrow as pa

from arrowdsl.plan.stopping import check_stopped
from flight_server.points_to.facts import number_facts
from flight_server.points_to.fixpoint import solve
from flight_server.points_to.inputs import complete
from flight_server.points_to.library import fixed_names
from flight_server.points_to.relation_tables import relations


def solution(tables: Mapping[str, pa.Table]) -> pa.Table:
    """The relations of ``relation_rows.SCHEMA``, from tables with the columns of ``inputs.INPUTS``; all may be missing.

    Raises the error of ``check_stopped`` between two rounds, when the work is no longer wanted.
    """
    return relations(solve(number_facts(complete(tables), fixed_names()), check_stopped))
