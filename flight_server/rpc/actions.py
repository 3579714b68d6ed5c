"""Actions: each takes a JSON object, returns one JSON result, and has a row in ``ACTIONS``."""

from collections.abc import Mapping
from types import MappingProxyType

from pyarrow import flight

from arrowdsl.errors import DataError, one_of
from flight_server.rpc.call_actions import CALL_ACTIONS
from flight_server.rpc.cancel import cancel
from flight_server.rpc.maintenance_actions import MAINTENANCE, Action, Caller
from flight_server.serving.explain import explain
from flight_server.serving.request import COUNT, COUNTS, NOTE, TEXT, TEXTS, request_from_json
from flight_server.serving.wire_json import arguments, json_bytes, json_object
from flight_server.storage.store_errors import UnknownTransactionError


class UnknownActionError(DataError):
    """An action that the server does not have."""

    code = "unknown_action"


def run_action(caller: Caller, action: flight.Action) -> bytes:
    """The result of an action."""
    if action.type not in ACTIONS:
        raise UnknownActionError(f"unknown action {action.type!r}; actions: {one_of(ACTIONS)}")
    return ACTIONS[action.type].run(caller, action.body.to_pybytes())


def _begin(caller: Caller, body: bytes) -> bytes:
    given = arguments("begin", body, {"repo": TEXT, "files": COUNT}, "repo")
    transaction = caller.service.store.begin(given["repo"], files=given.get("files"))
    return json_bytes({"txn": transaction.id, "parts": transaction.parts, "snapshot": transaction.snapshot})


def _commit(caller: Caller, body: bytes) -> bytes:
    given = arguments("commit", body, {"txn": TEXT, "rows": COUNTS, "removed": TEXTS, "note": NOTE}, "txn")
    store = caller.service.store
    try:
        transaction = store.transaction(given["txn"])
    except UnknownTransactionError:
        snapshot = store.committed(given["txn"])  # a client may repeat a commit whose answer it did not get
        if snapshot is None:
            raise
    else:
        if removed := given.get("removed"):
            transaction.remove(removed)
        snapshot = transaction.commit(given.get("rows"), given.get("note", {}))
        caller.service.warming.request(snapshot.repo)
        caller.call.has_committed = True
    caller.call.repo = snapshot.repo
    return json_bytes({"repo": snapshot.repo, "snapshot": snapshot.number})


def _abort(caller: Caller, body: bytes) -> bytes:
    txn = arguments("abort", body, {"txn": TEXT}, "txn")["txn"]
    caller.service.store.transaction(txn).abort()
    return json_bytes({"aborted": txn})


def _drop(caller: Caller, body: bytes) -> bytes:
    repo = arguments("drop", body, {"repo": TEXT}, "repo")["repo"]
    caller.service.drop(repo)
    return json_bytes({"dropped": repo})


def _explain(caller: Caller, body: bytes) -> bytes:
    return json_bytes(explain(caller.service.read(request_from_json(json_object("explain", body)))))


def _stats(caller: Caller, body: bytes) -> bytes:
    repo = arguments("stats", body, {"repo": TEXT}).get("repo")
    if repo is None:
        return json_bytes({"repos": caller.service.store.repos(), "running_calls": len(caller.service.calls) - 1})
    return json_bytes(caller.service.stats(repo))


def _healthcheck(caller: Caller, body: bytes) -> bytes:
    arguments("healthcheck", body, {})
    caller.service.store.repos()
    return json_bytes({"status": "ok"})


ACTIONS: Mapping[str, Action] = MappingProxyType(
    {
        "begin": Action("Open a transaction: repo, files (about how many, which sets the number of parts).", _begin),
        "commit": Action(
            "Publish a transaction: txn, rows ({table: rows put}), removed (paths of files that are gone),"
            " note (an object of strings that describes the snapshot). It may be repeated.",
            _commit,
        ),
        "abort": Action("Drop a transaction: txn.", _abort),
        "drop": Action("Remove a repo: repo.", _drop),
        "explain": Action("Explain a read without doing it: a ticket.", _explain),
        "stats": Action("Rows and bytes of a repo's tables: repo; without one, the repos.", _stats),
        "healthcheck": Action("Whether the server and its store answer.", _healthcheck),
        **MAINTENANCE,
        **CALL_ACTIONS,
        "CancelFlightInfo": Action("Stop the streams of a ticket or FlightInfo.", cancel),
    }
)
