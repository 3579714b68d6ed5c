"""Diagnostics: what could not be parsed, compiled or resolved, by any tool."""

from flight_server.cpg.families import EdgeFamily, NodeFamily

NODES = (NodeFamily("DIAG", "diagnostics_norm", "{diag_id}"),)
EDGES = tuple(
    EdgeFamily(kind, "diagnostics_norm", "{file_id}", "{diag_id}", rule="diagnostic", origin=origin)
    for kind, origin in (("FILE_CONTAINS", "pipeline"), ("HAS_DIAGNOSTIC", "diagnostic"))
)
