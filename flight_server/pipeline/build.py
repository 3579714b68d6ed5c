"""Edges without a store or a server: from plans, datasets and tables that the caller has."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

import pyarrow as pa

from arrowdsl.compute.expr import Expr, Literal, Parameter
from arrowdsl.plan.nodes import Empty, Plan, Scan, bind_parameters
from arrowdsl.plan.source import DatasetSource, PlanCatalog, PlanSource
from flight_client.contracts.outputs import OUTPUTS
from flight_server.pipeline.family_plans import edge_union
from flight_server.pipeline.graph import PART_EDGES, REPO_EDGES

Relationship: TypeAlias = DatasetSource | Plan | pa.Table
EDGE_COLUMNS = OUTPUTS["cpg_edges"].plain_schema


@dataclass(frozen=True)
class EdgeBuildInputs:
    """Raw tables and relations, by the names that they have in ``flight_server.pipeline``, to build edges from.

    A plan among them may scan the tables and datasets beside it. ``repo`` is the repo's name in node ids.
    """

    relationship_outputs: Mapping[str, Relationship]
    repo: str = ""


def build_edges(inputs: EdgeBuildInputs) -> PlanSource:
    """A plan with the columns of ``cpg_edges``, strings for its dictionaries, and the catalog to run it with.

    It has the edges of every family whose tables are given, and no rows if there is none.
    """
    given = inputs.relationship_outputs
    families = [family for family in (*PART_EDGES, *REPO_EDGES) if all(table in given for table in family.tables)]
    relations = {name: value if isinstance(value, Plan) else Scan(name) for name, value in given.items()}
    plan = edge_union(families, relations).select(*EDGE_COLUMNS.names) if families else Empty(EDGE_COLUMNS)
    repo: dict[Expr, Expr] = {Parameter("repo"): Literal(inputs.repo)}
    tables = {name: value for name, value in given.items() if not isinstance(value, Plan)}
    return PlanSource(bind_parameters(plan, repo), PlanCatalog(tables))
