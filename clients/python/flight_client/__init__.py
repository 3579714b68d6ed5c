"""The Python client: connect to a server, read and put tables, query them from DuckDB, Polars and DataFusion.

Its only dependency is pyarrow.
"""

from flight_client.client import Client, connect
from flight_client.client_errors import FlightClientError, ServerBusyError, StreamClosedError, UnreachableError
from flight_client.dataset import FlightDataset
from flight_client.peers import Tls
from flight_client.streams import FlightReader
from flight_client.tickets import DatasetInfo

__all__ = [
    "Client",
    "DatasetInfo",
    "FlightClientError",
    "FlightDataset",
    "FlightReader",
    "ServerBusyError",
    "StreamClosedError",
    "Tls",
    "UnreachableError",
    "connect",
]
