"""The points-to analysis as one function: from the raw facts of a repo to the table of relations.

The columns of ``INPUTS`` contain no offsets, so a cached result stays valid when code only moves within a file.
"""

from collections.abc import Mapping
from types import MappingProxyType

import pyarrow as pa

from arrowdsl.plan.stopping import check_stopped
from flight_client.contracts.raw import RAW_TABLES
from flight_server.points_to.facts import number_facts
from flight_server.points_to.fixpoint import solve
from flight_server.points_to.library import fixed_names
from flight_server.points_to.relation_tables import relations

INPUTS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        name: tuple(columns.split())
        for name, columns in {
            "repo_files": "file_id path module source_root root_reason",
            "cst_defs": "file_id def_id container_def_id kind name is_generator",
            "cst_params": "param_id def_id pos name kind place default_place",
            "cst_bases": "def_id pos keyword place",
            "cst_decorators": "def_id site_id known",
            "cst_exports": "file_id op name",
            "flow_copies": "dst src",
            "flow_allocs": "place object_id object_kind const_repr",
            "flow_loads": "dst base access key key_place implicit",
            "flow_stores": "base access key key_place src",
            "flow_calls": "site_id site_kind callee result caller_def_id",
            "flow_args": "site_id pos keyword star place",
            "flow_annotations": "place annotation_place",
        }.items()
    }
)


def solution(tables: Mapping[str, pa.Table]) -> pa.Table:
    """A repo's relations (``relation_rows.SCHEMA``), from tables with the columns of ``INPUTS``; any may be missing.

    Raises the error of ``check_stopped`` between two rounds, if the work is no longer needed.
    """
    return relations(solve(number_facts(_complete(tables), fixed_names()), check_stopped))


def _complete(tables: Mapping[str, pa.Table]) -> dict[str, pa.Table]:
    """The input tables, each in one chunk; a table that the repo does not have is empty."""
    return {
        name: tables[name].select(columns).combine_chunks() if name in tables else _empty(name, columns)
        for name, columns in INPUTS.items()
    }


def _empty(name: str, columns: tuple[str, ...]) -> pa.Table:
    schema = RAW_TABLES[name].schema
    return pa.schema([schema.field(column) for column in columns]).empty_table()
