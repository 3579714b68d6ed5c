"""All families of the graph, layer by layer."""

from flight_server.cpg import (
    annotations,
    bytecode,
    definitions,
    diagnostics,
    flow,
    qnames,
    repo,
    resolved,
    runtime,
    scip,
    scopes,
    syntax,
)

PART_NODES = (
    *repo.NODES,
    *definitions.NODES,
    *syntax.NODES,
    *scopes.NODES,
    *flow.NODES,
    *annotations.NODES,
    *bytecode.NODES,
    *diagnostics.NODES,
)
REPO_NODES = (
    *repo.REPO_NODES,
    *qnames.REPO_NODES,
    *resolved.REPO_NODES,
    *annotations.REPO_NODES,
    *scip.REPO_NODES,
    *runtime.REPO_NODES,
)
PART_EDGES = (
    *repo.EDGES,
    *definitions.EDGES,
    *syntax.EDGES,
    *scopes.EDGES,
    *flow.EDGES,
    *qnames.EDGES,
    *resolved.EDGES,
    *annotations.EDGES,
    *scip.EDGES,
    *bytecode.EDGES,
    *diagnostics.EDGES,
)
REPO_EDGES = (*scip.REPO_EDGES, *runtime.REPO_EDGES)
