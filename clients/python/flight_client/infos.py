"""What a FlightInfo says of a dataset."""

from collections.abc import Mapping
from dataclasses import dataclass

import pyarrow as pa
from pyarrow import flight

from flight_client.tickets import Json, Ticket, decode


@dataclass(frozen=True)
class DatasetInfo:
    """What the server says about a dataset; ``rows`` and ``bytes`` are null where it does not know them."""

    repo: str
    dataset: str
    schema: pa.Schema
    rows: int | None
    bytes: int | None
    endpoints: tuple[Ticket, ...]
    metadata: Mapping[str, Json]


def dataset_info(info: flight.FlightInfo) -> DatasetInfo:
    """The FlightInfo of a dataset, read."""
    repo, dataset = (step.decode() for step in info.descriptor.path)
    return DatasetInfo(
        repo,
        dataset,
        info.schema,
        known(info.total_records),
        known(info.total_bytes),
        tuple(decode(endpoint.ticket.ticket, "ticket") for endpoint in info.endpoints),
        metadata(info),
    )


def metadata(info: flight.FlightInfo) -> Mapping[str, Json]:
    """The JSON object in ``app_metadata``."""
    return decode(info.app_metadata or b"{}", "app_metadata")


def known(count: int) -> int | None:
    """A count of a FlightInfo, in which -1 says that it is not known."""
    return count if count >= 0 else None
