"""The outputs that the pipeline makes: columns, unique key, canonical order."""

from collections.abc import Mapping
from types import MappingProxyType

from arrowdsl.schema.schema import TableSpec
from flight_server.contracts.notation import contract

_OUTPUTS = (
    contract("dim_qualified_names_v1", "qnames", "qname_id! qname!", key="qname", order="qname"),
    contract(
        "callsite_qname_candidates_v1",
        "qnames",
        "call_id! qname! path call_bstart:i64 call_bend:i64 qname_source",
        key="call_id qname",
        tie_breakers=(("qname_source", "ascending"),),
        order="call_id qname",
    ),
    contract(
        "violations_v1",
        "checks",
        "dataset part row_key column check detail rows:i64",
        order="dataset part check column row_key",
    ),
)

OUTPUTS: Mapping[str, TableSpec] = MappingProxyType({spec.name: spec for spec in _OUTPUTS})
