"""Actions: a JSON object in, one JSON result out, a row in ``ACTIONS`` each."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from pyarrow import flight

from arrowdsl.errors import DataError, one_of
from flight_server.rpc.cancel import cancel
from flight_server.rpc.codec import Arguments, json_bytes, json_object
from flight_server.rpc.streams import RunningCalls
from flight_server.serving.explain import explain
from flight_server.serving.request import request_from_json
from flight_server.serving.service import Service


class UnknownActionError(DataError):
    """An action that the server does not have."""

    code = "unknown_action"


@dataclass(frozen=True)
class Action:
    """What an action does, for ``list_actions``, and the function from its body to its result."""

    description: str
    run: Callable[[Service, RunningCalls, bytes], bytes]


def run_action(service: Service, calls: RunningCalls, action: flight.Action) -> bytes:
    """The result of an action."""
    if action.type not in ACTIONS:
        raise UnknownActionError(f"unknown action {action.type!r}; actions: {one_of(ACTIONS)}")
    return ACTIONS[action.type].run(service, calls, action.body.to_pybytes())


def _begin(service: Service, _: RunningCalls, body: bytes) -> bytes:
    arguments = Arguments.parse("begin", body, "repo", "files")
    transaction = service.store.begin(arguments.text("repo"), files=arguments.optional_count("files"))
    return json_bytes({"txn": transaction.id, "parts": transaction.parts, "snapshot": transaction.snapshot})


def _commit(service: Service, _: RunningCalls, body: bytes) -> bytes:
    arguments = Arguments.parse("commit", body, "txn", "rows", "removed")
    transaction = service.store.transaction(arguments.text("txn"))
    if removed := arguments.texts("removed"):
        transaction.remove(removed)
    snapshot = transaction.commit(arguments.counts("rows"))
    return json_bytes({"repo": snapshot.repo, "snapshot": snapshot.number})


def _abort(service: Service, _: RunningCalls, body: bytes) -> bytes:
    arguments = Arguments.parse("abort", body, "txn")
    service.store.transaction(arguments.text("txn")).abort()
    return json_bytes({"aborted": arguments.text("txn")})


def _snapshots(service: Service, _: RunningCalls, body: bytes) -> bytes:
    repo = Arguments.parse("snapshots", body, "repo").text("repo")
    kept = [
        {"snapshot": each.number, "created": each.created.isoformat(), "parts": each.parts}
        for each in service.store.snapshots(repo)
    ]
    return json_bytes({"repo": repo, "snapshots": kept})


def _drop(service: Service, _: RunningCalls, body: bytes) -> bytes:
    repo = Arguments.parse("drop", body, "repo").text("repo")
    service.store.drop(repo)
    return json_bytes({"dropped": repo})


def _explain(service: Service, _: RunningCalls, body: bytes) -> bytes:
    return json_bytes(explain(service.read(request_from_json(json_object("explain", body)))))


def _stats(service: Service, calls: RunningCalls, body: bytes) -> bytes:
    repo = Arguments.parse("stats", body, "repo").optional_text("repo")
    if repo is None:
        return json_bytes({"repos": service.store.repos(), "running_calls": len(calls) - 1})
    return json_bytes(service.stats(repo))


def _healthcheck(service: Service, _: RunningCalls, body: bytes) -> bytes:
    Arguments.parse("healthcheck", body)
    service.store.repos()
    return json_bytes({"status": "ok"})


ACTIONS: Mapping[str, Action] = MappingProxyType(
    {
        "begin": Action("Open a transaction: repo, files (about how many, which sets the number of parts).", _begin),
        "commit": Action(
            "Publish a transaction: txn, rows ({table: rows put}), removed (paths of files that are gone).", _commit
        ),
        "abort": Action("Drop a transaction: txn.", _abort),
        "snapshots": Action("The snapshots of a repo: repo.", _snapshots),
        "drop": Action("Remove a repo: repo.", _drop),
        "explain": Action("What a read would do: a ticket.", _explain),
        "stats": Action("Rows and bytes of a repo's tables: repo; without one, the repos.", _stats),
        "healthcheck": Action("Whether the server and its store answer.", _healthcheck),
        "CancelFlightInfo": Action("Stop the streams of a ticket or FlightInfo.", cancel),
    }
)
