"""The raw tables as they were stored: the leaves of the pipeline."""

from hamilton.function_modifiers import parameterize, tag_outputs, value

from arrowdsl.plan.nodes import Plan, Scan, Scope
from flight_client.contracts.raw import RAW_TABLES
from flight_client.contracts.tables import partition_column


@tag_outputs(
    **{
        name: {
            "layer": spec.layer,
            "kind": "raw",
            "scope": Scope.REPO if partition_column(spec.schema) is None else Scope.PART,
            "stage": "extraction",
        }
        for name, spec in RAW_TABLES.items()
    }
)
@parameterize(**{name: {"table": value(name)} for name in RAW_TABLES})
def raw_table(table: str) -> Plan:
    """The rows of the raw table {table}, as they were stored."""
    return Scan(table)
