"""The Flight server: each method is guarded, decodes its request and passes it on to serving."""

import logging
import threading
from collections.abc import Iterator, Sequence
from contextlib import closing

import pyarrow as pa
from pyarrow import flight

from flight_server.access.door import OPEN_DOOR, BindError, Door
from flight_server.rpc import do_put, info
from flight_server.rpc.actions import ACTIONS, run_action
from flight_server.rpc.call_headers import OpenHandshake, call_of, caller_of, middleware, repo_of
from flight_server.rpc.codec import asked_in_descriptor, asked_in_ticket, lookup_of_descriptor, put_of_descriptor
from flight_server.rpc.connections import disconnect
from flight_server.rpc.do_exchange import lookup
from flight_server.rpc.guard import guarded, guarded_iterator, guarded_reader
from flight_server.rpc.locations import checked_location
from flight_server.rpc.maintenance_actions import Caller
from flight_server.rpc.sql_door import FLIGHT_SQL_ACTIONS, flight_sql, is_flight_sql
from flight_server.serving.running_calls import RunningCall, throttled_check
from flight_server.serving.service import Answer, Service
from flight_server.serving.stream import stream_bytes
from flight_server.serving.wire_json import json_bytes

LOG = logging.getLogger("flight_server")
CUT_SECONDS = 1.0
IDLE_CHECK_SECONDS = 5.0


class FlightServer(flight.FlightServerBase):
    """Serves one ``Service`` at ``uri``, from construction until ``stop``.

    The inherited method ``serve`` is not needed, and would take over the signals of the process.
    """

    def __init__(
        self,
        service: Service,
        host: str = "127.0.0.1",
        port: int = 0,
        advertised: Sequence[str] = (),
        door: Door = OPEN_DOOR,
    ) -> None:
        door.check(host)
        self.door = door
        self._advertised = tuple(map(checked_location, advertised))
        try:
            super().__init__(
                door.location(host, port),
                auth_handler=None if door.gate.is_open else OpenHandshake(),
                middleware=middleware(door.gate),
                **door.flight_options(),
            )
        except (pa.ArrowException, OSError, OverflowError) as error:
            raise BindError(f"can't listen on {host}:{port}; is the port in use? Port 0 takes any free one") from error
        self.service = service
        self.calls = service.calls
        self.calls.accept()
        self._stopping = threading.Event()
        threading.Thread(target=self._watch_idle, name="idle", daemon=True).start()
        self.uri = door.location(host, self.port)

    def _watch_idle(self) -> None:
        seconds = self.service.budget.limits.idle_seconds
        while not self._stopping.wait(min(seconds / 4, IDLE_CHECK_SECONDS)):
            self._disconnect_idle(seconds)

    def _disconnect_idle(self, seconds: float) -> None:
        for peer in self.calls.idle_peers(seconds):
            if disconnect(peer):
                LOG.warning("closed the connection of %s: its calls waited for it for more than %g s", peer, seconds)

    def list_flights(self, context: flight.ServerCallContext, criteria: bytes) -> Iterator[flight.FlightInfo]:
        """The datasets of all repos that match JSON criteria: repo, layer, kind."""
        return guarded_iterator(self._flights(self._seen(context), call_of(context, "list_flights"), criteria))

    def _flights(self, service: Service, call: RunningCall, criteria: bytes) -> Iterator[flight.FlightInfo]:
        with self.calls.enter(call):
            yield from info.flights(service, criteria, self._advertised)

    @guarded
    def get_flight_info(
        self, context: flight.ServerCallContext, descriptor: flight.FlightDescriptor
    ) -> flight.FlightInfo:
        """Schema and endpoints of a path [repo, dataset] or a command."""
        with self.calls.enter(call_of(context, "get_flight_info")) as call:
            if is_flight_sql(descriptor.command):
                return info.query_info(self._sql_answer(context, descriptor.command), descriptor, self._advertised)
            asked = asked_in_descriptor(descriptor)
            call.asks(asked)
            return info.answer_info(self._seen(context), asked, descriptor, self._advertised)

    @guarded
    def get_schema(self, context: flight.ServerCallContext, descriptor: flight.FlightDescriptor) -> flight.SchemaResult:
        """Schema of a path [repo, dataset] or a command."""
        with self.calls.enter(call_of(context, "get_schema")) as call:
            if is_flight_sql(descriptor.command):
                return flight.SchemaResult(self._sql_answer(context, descriptor.command).schema)
            asked = asked_in_descriptor(descriptor)
            call.asks(asked)
            return flight.SchemaResult(self._seen(context).answer(asked).schema)

    @guarded
    def do_get(self, context: flight.ServerCallContext, ticket: flight.Ticket) -> flight.GeneratorStream:
        """The rows of a ticket."""
        with self.calls.enter(call_of(context, "do_get"), ends=False) as call:
            if is_flight_sql(ticket.ticket):
                answer = self._sql_answer(context, ticket.ticket)
            else:
                asked = asked_in_ticket(ticket)
                call.asks(asked)
                answer = self._seen(context).answer(asked)
            call.asks(answer.asked)
        options = pa.ipc.IpcWriteOptions(compression=answer.compression)
        readers = guarded_reader(answer.schema, self._batches(answer, call, context))
        return flight.GeneratorStream(answer.schema, readers, options=options)

    def _seen(self, context: flight.ServerCallContext) -> Service:
        """The service as the caller sees it."""
        return self.service.seen_by(caller_of(context))

    def _sql_answer(self, context: flight.ServerCallContext, command: bytes) -> Answer:
        answer: Answer = flight_sql("sql_commands").answer(self._seen(context), command, repo_of(context))
        return answer

    def _batches(
        self, answer: Answer, call: RunningCall, context: flight.ServerCallContext
    ) -> Iterator[pa.RecordBatch]:
        with self.calls.enter(call):
            check = throttled_check(call.check(context.is_cancelled, self.service.budget.limits.query_seconds))
            with closing(answer.rows(check)) as batches:
                for batch in batches:
                    with call.waiting():
                        yield batch
                    call.count(batch)

    @guarded
    def do_put(
        self,
        context: flight.ServerCallContext,
        descriptor: flight.FlightDescriptor,
        reader: flight.MetadataRecordBatchReader,
        writer: flight.FlightMetadataWriter,
    ) -> None:
        """Store rows in a raw table. There is one reply, at the end: more would block a client that reads none."""
        with self.calls.enter(call_of(context, "do_put")) as call:
            check = call.check(context.is_cancelled)
            if is_flight_sql(descriptor.command):
                put_sql = flight_sql("sql_commands").put_sql
                reply = put_sql(self._seen(context), descriptor.command, repo_of(context), reader, call, check)
            else:
                put = put_of_descriptor(descriptor)
                reply = json_bytes(do_put.put(self._seen(context), put, reader, call, check))
        writer.write(pa.py_buffer(reply))

    @guarded
    def do_exchange(
        self,
        context: flight.ServerCallContext,
        descriptor: flight.FlightDescriptor,
        reader: flight.MetadataRecordBatchReader,
        writer: flight.MetadataRecordBatchWriter,
    ) -> None:
        """A lookup: receive keys, and send the rows of a dataset with these keys."""
        budget = self.service.budget
        with self.calls.enter(call_of(context, "do_exchange")) as call:
            request, key = lookup_of_descriptor(descriptor)
            call.asks(request)
            read = self._seen(context).read(request)
            call.asks(read.request)
            check = call.check(context.is_cancelled, budget.limits.query_seconds)
            with budget.stream(stream_bytes(read), check):
                lookup(read, key, reader, writer, call, check)

    def do_action(self, context: flight.ServerCallContext, action: flight.Action) -> Iterator[flight.Result]:
        """The one result of an action."""
        caller = Caller(self._seen(context), call_of(context, action_name(action)))
        return guarded_iterator(self._result(action, caller, repo_of(context)))

    def _result(self, action: flight.Action, caller: Caller, repo: str | None) -> Iterator[flight.Result]:
        with self.calls.enter(caller.call):
            if action.type in FLIGHT_SQL_ACTIONS:
                run = flight_sql("sql_commands").run_sql_action
                yield flight.Result(run(caller, action.type, action.body.to_pybytes(), repo))
            else:
                yield flight.Result(run_action(caller, action))

    def list_actions(self, _context: flight.ServerCallContext) -> list[flight.ActionType]:
        """The names and descriptions of the actions."""
        own = {name: action.description for name, action in ACTIONS.items()}
        return [flight.ActionType(name, description) for name, description in {**own, **FLIGHT_SQL_ACTIONS}.items()]

    def leave(self) -> None:
        """Stop listening at this address, while the service goes on at others."""
        self._stopping.set()
        self.calls.leave()
        self.shutdown()

    def stop(self) -> bool:
        """Refuse new calls, wait for the running ones, cancel them at the limit's end, and stop listening.

        Returns whether all calls have ended. The connections of calls that wait for their client are closed.
        """
        self.service.warming.stop()
        self._stopping.set()
        if self.calls.leave() and not self.calls.drain(self.service.budget.limits.drain_seconds):
            cut = self.calls.cancel(lambda _: True)
            LOG.warning("cancelled %d calls that were still running", cut)
            if not self.calls.drain(CUT_SECONDS):
                self._disconnect_idle(0)
        closing = threading.Thread(target=self.shutdown, daemon=True)
        closing.start()
        closing.join(CUT_SECONDS)
        return not closing.is_alive()


def action_name(action: flight.Action) -> str:
    """The name of an action for the log; a name that a client made up is not repeated."""
    return str(action.type) if action.type in {*ACTIONS, *FLIGHT_SQL_ACTIONS} else "unknown action"


# pyarrow sends the traceback of an error in get_schema to the client, even for a FlightError. The only frame of this
# package in the traceback is the guard's, so its code object gets a file name without a path.
FlightServer.get_schema.__code__ = FlightServer.get_schema.__code__.replace(co_filename="flight_server")
