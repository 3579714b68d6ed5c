"""What an inspection found into the raw ``rt_*`` tables of a repo, in one transaction, in place of what was there."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass

from flight_client.client import Client
from flight_client.client_errors import FlightClientError
from flight_client.runtime.inspection import Inspected


@dataclass(frozen=True)
class InspectionPut:
    """What was put: rows by table, and the snapshot."""

    rows: Mapping[str, int]
    snapshot: int


def put_inspection(client: Client, repo: str, inspected: Inspected) -> InspectionPut:
    """Replace the ``rt_*`` tables of ``repo``; raises FlightClientError."""
    txn = str(client.begin(repo)["txn"])
    try:
        rows = {}
        for name, table in inspected.tables.items():
            client.put(repo, name, table, txn=txn)
            rows[name] = table.num_rows
        snapshot = client.commit(txn, rows)["snapshot"]
    except BaseException:
        with suppress(FlightClientError):  # the error that led here says more
            client.abort(txn)
        raise
    if not isinstance(snapshot, int):
        raise FlightClientError("protocol", f"the server answered {snapshot!r} where a whole number was due")
    return InspectionPut(rows, snapshot)
