"""Puts SCIP indexes (https://github.com/sourcegraph/scip), which indexers of many languages write, into raw tables.

Needs the protobuf library: the extra ``scip``.
"""

from flight_client.scip.index_put import IndexPut, PathPrefix, put_index
from flight_client.scip.messages import ScipError

__all__ = ["IndexPut", "PathPrefix", "ScipError", "put_index"]
