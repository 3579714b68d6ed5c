"""Edges built from the caller's own plans, datasets and tables, without a store or a server."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

import pyarrow as pa

from arrowdsl.compute.expr import Expr, Literal, Parameter
from arrowdsl.plan.nodes import Empty, Plan, Scan, bind_parameters
from arrowdsl.plan.source import DatasetSource, PlanCatalog, PlanSource
from flight_client.contracts.outputs import OUTPUTS
from flight_server.pipeline.family_plans import LINE_STARTS, edge_union
from flight_server.pipeline.graph import PART_EDGES, REPO_EDGES
from flight_server.pipeline.spans import starts_of_lines

Relationship: TypeAlias = DatasetSource | Plan | pa.Table
EDGE_COLUMNS = OUTPUTS["cpg_edges"].plain_schema


@dataclass(frozen=True)
class EdgeBuildInputs:
    """The raw tables and relations to build edges from, under their names in ``flight_server.pipeline``.

    A plan may scan the tables and datasets of the same mapping. ``repo`` is the repo's name in node ids.
    """

    relationship_outputs: Mapping[str, Relationship]
    repo: str = ""


def build_edges(inputs: EdgeBuildInputs) -> PlanSource:
    """A plan with the columns of ``cpg_edges`` (plain strings, no dictionaries), and the catalog to run it with.

    The plan has the edges of every family whose tables are all given; without such a family it has no rows. Without
    ``repo_files``, line and end_line are null.
    """
    given = inputs.relationship_outputs
    families = [family for family in (*PART_EDGES, *REPO_EDGES) if all(table in given for table in family.tables)]
    relations = {name: value if isinstance(value, Plan) else Scan(name) for name, value in given.items()}
    if "repo_files" in relations:
        relations[LINE_STARTS] = starts_of_lines(relations["repo_files"])
    plan = edge_union(families, relations).select(*EDGE_COLUMNS.names) if families else Empty(EDGE_COLUMNS)
    repo: dict[Expr, Expr] = {Parameter("repo"): Literal(inputs.repo)}
    tables = {name: value for name, value in given.items() if not isinstance(value, Plan)}
    return PlanSource(bind_parameters(plan, repo), PlanCatalog(tables))
