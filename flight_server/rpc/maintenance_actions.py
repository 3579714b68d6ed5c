"""The actions that keep a store in order: its snapshots, its sizes, the check and the repair."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from types import MappingProxyType

from flight_server.serving.request import COUNT, FLAG, TEXT, TEXTS, Request
from flight_server.serving.running_calls import RunningCall
from flight_server.serving.service import Service
from flight_server.serving.wire_json import arguments, json_bytes
from flight_server.storage.snapshots import Snapshot


@dataclass(frozen=True)
class Caller:
    """The context of an action: the service as the caller sees it, and the call that runs the action."""

    service: Service
    call: RunningCall


@dataclass(frozen=True)
class Action:
    """An action: its description for ``list_actions``, and the function from its body to its result."""

    description: str
    run: Callable[[Caller, bytes], bytes]


def _snapshots(caller: Caller, body: bytes) -> bytes:
    store = caller.service.store
    repo = arguments("snapshots", body, {"repo": TEXT}, "repo")["repo"]
    found = [{**_described(each), "pinned": store.is_pinned(each)} for each in store.snapshots(repo)]
    return json_bytes({"repo": repo, "snapshots": found})


def _described(snapshot: Snapshot) -> dict[str, object]:
    tables = snapshot.tables()
    return {
        "snapshot": snapshot.number,
        "created": snapshot.created.isoformat(),
        "parts": snapshot.parts,
        "parent": snapshot.manifest.parent,
        "rows": sum(tables.values()),
        "bytes": sum(map(snapshot.bytes, tables)),
        "note": dict(snapshot.manifest.note),
    }


def _rollback(caller: Caller, body: bytes) -> bytes:
    given = arguments("rollback", body, {"repo": TEXT, "snapshot": COUNT}, "repo", "snapshot")
    return json_bytes(
        {"repo": given["repo"], **_described(caller.service.store.rollback(given["repo"], given["snapshot"]))}
    )


def _pin(caller: Caller, body: bytes) -> bytes:
    given = arguments("pin", body, {"repo": TEXT, "snapshot": COUNT, "pinned": FLAG}, "repo", "snapshot")
    caller.service.store.pin(given["repo"], given["snapshot"], pinned=given.get("pinned", True))
    return json_bytes(given)


def _prune(caller: Caller, body: bytes) -> bytes:
    kinds = {"repo": TEXT, "keep": COUNT, "older_than": COUNT, "grace": COUNT}
    pruned = caller.service.store.prune(**arguments("prune", body, kinds, "repo"))
    return json_bytes({"retired": pruned.retired, "freed": pruned.freed})


def _sizes(caller: Caller, body: bytes) -> bytes:
    return json_bytes(caller.service.sizes(arguments("sizes", body, {"repo": TEXT}, "repo")["repo"]))


def _check(caller: Caller, body: bytes) -> bytes:
    given = arguments("check", body, {"repo": TEXT, "repair": FLAG, "quick": FLAG}, "repo")
    if given.get("quick"):
        return json_bytes({"repo": given["repo"], "clean": caller.service.store.is_sound(given["repo"])})
    steps = caller.service.repair(given["repo"]) if given.get("repair") else ()
    found = caller.service.check(given["repo"])
    return json_bytes({**asdict(found), "clean": found.is_clean, "steps": steps})


def _diff(caller: Caller, body: bytes) -> bytes:
    given = arguments(
        "diff", body, {"repo": TEXT, "since": COUNT, "snapshot": COUNT, "datasets": TEXTS}, "repo", "since"
    )
    service, repo, since = caller.service, given["repo"], given["since"]
    old, new = service.store.snapshot(repo, since), service.store.snapshot(repo, given.get("snapshot"))
    check = caller.call.check(lambda: False, service.budget.limits.query_seconds)
    counts = {}
    for name in given.get("datasets", sorted({*old.tables(), *new.tables()})):
        found = service.difference(Request(repo, name, new.number, since))
        with service.budget.stream(found.bytes, check):
            counts[name] = asdict(found.counts(check))
    differing = {name: each for name, each in counts.items() if any(each.values())}
    return json_bytes({"repo": repo, "since": since, "snapshot": new.number, "datasets": differing})


MAINTENANCE: Mapping[str, Action] = MappingProxyType(
    {
        "snapshots": Action("The listed snapshots of a repo: repo.", _snapshots),
        "rollback": Action("Make a new snapshot with the rows of an older one: repo, snapshot.", _rollback),
        "pin": Action("Keep a snapshot listed: repo, snapshot, pinned (false to unpin).", _pin),
        "diff": Action(
            "Count the rows that differ between two snapshots: repo, since, snapshot (by default the newest), datasets"
            " (by default the raw tables).",
            _diff,
        ),
        "prune": Action(
            "Retire old snapshots, and delete what only retired ones need: repo, keep (how many of the newest stay),"
            " older_than and grace (seconds).",
            _prune,
        ),
        "sizes": Action("The bytes of a repo on disk: repo.", _sizes),
        "check": Action(
            "Read all files of a repo and report damage: repo, repair (true to mend it), quick (the newest snapshot).",
            _check,
        ),
    }
)
