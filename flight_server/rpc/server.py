"""The Flight server: each method hands the request on and is guarded; nothing here knows tables or plans."""

import ipaddress
import logging
import threading
from collections.abc import Iterator, Sequence

import pyarrow as pa
from pyarrow import flight

from arrowdsl.errors import DataError
from flight_server.rpc import info, puts
from flight_server.rpc.actions import ACTIONS, run_action
from flight_server.rpc.codec import (
    json_bytes,
    lookup_of_descriptor,
    put_of_descriptor,
    request_of_descriptor,
    request_of_ticket,
)
from flight_server.rpc.guard import guarded, guarded_iterator
from flight_server.rpc.locations import checked_location
from flight_server.rpc.lookups import lookup
from flight_server.rpc.streams import RunningCalls, stop_check, stream_of
from flight_server.serving.estimates import estimated_bytes
from flight_server.serving.limits import deadline_check
from flight_server.serving.service import Service

LOG = logging.getLogger("flight_server")
DRAIN_SECONDS = 5.0
CUT_SECONDS = 1.0


class BindError(DataError):
    """An address that can't be listened on."""

    code = "cannot_bind"


class FlightServer(flight.FlightServerBase):
    """Serves one ``Service``, from construction until ``stop``; ``uri`` says where.

    Its ``serve`` is not needed, and would take the signals of the process for itself.
    """

    def __init__(
        self, service: Service, host: str = "127.0.0.1", port: int = 0, advertised: Sequence[str] = ()
    ) -> None:
        _check_loopback(host)
        self._advertised = tuple(map(checked_location, advertised))
        shown = f"[{host}]" if ":" in host else host
        try:
            super().__init__(f"grpc://{shown}:{port}")
        except (pa.ArrowException, OSError, OverflowError) as error:
            raise BindError(f"can't listen on {shown}:{port}; is the port in use? Port 0 takes any free one") from error
        self._service = service
        self.calls = RunningCalls()
        self.uri = f"grpc://{shown}:{self.port}"

    def list_flights(self, _context: flight.ServerCallContext, criteria: bytes) -> Iterator[flight.FlightInfo]:
        """Every dataset of every repo, narrowed by JSON criteria: repo, layer, kind."""
        return guarded_iterator(info.flights(self._service, criteria, self._advertised))

    @guarded
    def get_flight_info(
        self, _context: flight.ServerCallContext, descriptor: flight.FlightDescriptor
    ) -> flight.FlightInfo:
        """Schema and endpoints of a path [repo, dataset] or a command."""
        return info.flight_info(self._service.read(request_of_descriptor(descriptor)), self._advertised)

    @guarded
    def get_schema(
        self, _context: flight.ServerCallContext, descriptor: flight.FlightDescriptor
    ) -> flight.SchemaResult:
        """Schema of a path [repo, dataset] or a command."""
        return flight.SchemaResult(self._service.read(request_of_descriptor(descriptor)).schema)

    @guarded
    def do_get(self, context: flight.ServerCallContext, ticket: flight.Ticket) -> flight.GeneratorStream:
        """The rows of a ticket."""
        return stream_of(self._service.read(request_of_ticket(ticket)), context, self.calls, self._service.admission)

    @guarded
    def do_put(
        self,
        context: flight.ServerCallContext,
        descriptor: flight.FlightDescriptor,
        reader: flight.MetadataRecordBatchReader,
        writer: flight.FlightMetadataWriter,
    ) -> None:
        """Rows into a raw table; one reply at the end, since more would block a client that reads none."""
        with self.calls.enter() as call:
            reply = puts.put(self._service, put_of_descriptor(descriptor), reader, stop_check(context, call))
        writer.write(pa.py_buffer(json_bytes(reply)))

    @guarded
    def do_exchange(
        self,
        context: flight.ServerCallContext,
        descriptor: flight.FlightDescriptor,
        reader: flight.MetadataRecordBatchReader,
        writer: flight.MetadataRecordBatchWriter,
    ) -> None:
        """A lookup: keys in, the rows of a dataset that have them out."""
        request, key = lookup_of_descriptor(descriptor)
        read = self._service.read(request)
        admission = self._service.admission
        with self.calls.enter(read.request) as call:
            check = deadline_check(stop_check(context, call), admission.limits.query_seconds)
            with admission.admitted(estimated_bytes(read), check):
                lookup(read, key, reader, writer, check)

    def do_action(self, _context: flight.ServerCallContext, action: flight.Action) -> Iterator[flight.Result]:
        """The one result of an action."""
        return guarded_iterator(self._result(action))

    def _result(self, action: flight.Action) -> Iterator[flight.Result]:
        with self.calls.enter():
            yield flight.Result(run_action(self._service, self.calls, action))

    def list_actions(self, _context: flight.ServerCallContext) -> list[flight.ActionType]:
        """The actions and what they do."""
        return [flight.ActionType(name, action.description) for name, action in ACTIONS.items()]

    def stop(self) -> bool:
        """Refuse new calls, let the running ones end, cut them off after DRAIN_SECONDS, and stop listening.

        Whether all calls have ended: one whose client neither reads nor goes away waits in gRPC, which can't be told
        to give it up, and would keep the process from ending.
        """
        if not self.calls.drain(DRAIN_SECONDS):
            cut = self.calls.cancel(lambda _: True)
            LOG.warning("cut off %d calls that were still running", cut)
        closing = threading.Thread(target=self.shutdown, daemon=True)
        closing.start()
        closing.join(CUT_SECONDS)
        return not closing.is_alive()


def _check_loopback(host: str) -> None:
    """Without authentication the server is for this machine only."""
    try:
        loopback = host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        loopback = False
    if not loopback:
        raise BindError(
            f"refusing to listen on {host}: without authentication anyone who reaches it could read and write;"
            " allowed: 127.0.0.1, ::1, localhost"
        )


# pyarrow sends the traceback of an error in get_schema to the client, a FlightError's too; its frames of ours are those
# of the guard, so let them name no file of this machine.
FlightServer.get_schema.__code__ = FlightServer.get_schema.__code__.replace(co_filename="flight_server")
