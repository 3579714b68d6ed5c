"""SCIP indexes (https://github.com/sourcegraph/scip), as indexers of many languages write them, into raw tables.

Needs the protobuf library: the extra ``scip``.
"""

from flight_client.scip.messages import ScipError
from flight_client.scip.put import IndexPut, PathPrefix, put_index

__all__ = ["IndexPut", "PathPrefix", "ScipError", "put_index"]
