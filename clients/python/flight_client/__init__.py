"""The Python client: connect to a server, read tables, query them from DuckDB, Polars and DataFusion, put tables.

It needs pyarrow alone.
"""

from flight_client.client import Client, connect
from flight_client.client_errors import FlightClientError, ServerBusyError, StreamClosedError, UnreachableError
from flight_client.dataset import FlightDataset
from flight_client.infos import DatasetInfo
from flight_client.streams import FlightReader

__all__ = [
    "Client",
    "DatasetInfo",
    "FlightClientError",
    "FlightDataset",
    "FlightReader",
    "ServerBusyError",
    "StreamClosedError",
    "UnreachableError",
    "connect",
]
