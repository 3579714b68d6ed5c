"""A small pipeline whose kernels count their calls, over rows of cst_name_refs: an output of each scope, and a mix."""

from collections import Counter
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from types import MappingProxyType

import pyarrow as pa

from arrowdsl.compute.expr import Call, Column, Literal
from arrowdsl.plan.nodes import Aggregate, Join, Kernel, KernelFunction, Plan, Ref, Scan, Scope
from flight_client.contracts.notation import FILE, contract
from flight_client.contracts.raw import RAW_TABLES
from flight_server.pipeline.driver import Output
from flight_server.serving.request import Request
from flight_server.serving.service import CAPACITY, Capacity, Service
from flight_server.serving.stream import open_read
from flight_server.storage.store import Store

TABLE = RAW_TABLES["cst_name_refs"]
NAMES = {"is_x": Call("=", (Column("name"), Literal("x")))}


@dataclass(eq=False)
class Counted:
    """Kernels that pass their rows on and count how often they were given any."""

    calls: Counter[str] = field(default_factory=Counter)
    lock: Lock = field(default_factory=Lock)

    def kernel(self, name: str, plan: Plan, *needs: str) -> Kernel:
        def apply(table: pa.Table) -> pa.Table:
            if table.num_rows:
                with self.lock:
                    self.calls[name] += 1
                self.called(name)
            return table

        return Kernel(plan, KernelFunction(name=name, version=1, apply=apply, needs=needs))

    def called(self, name: str) -> None:
        """What a test wants to happen in a kernel."""


def pipeline_of(counted: Counted) -> Mapping[str, Output]:
    scan = Scan("cst_name_refs").select("file_id", "path", "name", "bstart")
    names = Ref("cst_name_refs", Scope.PART)
    distinct = names.select("name").distinct("name").order_by("name")
    joined = Join(
        scan.select("path", "name", "bstart", "file_id", one=Literal(1)),
        _counts(Ref("of_repo", Scope.REPO)),
        "inner",
        ("one",),
        ("one",),
        ("file_id", "path", "name", "bstart"),
        ("repo_names",),
    ).order_by("path", "bstart")
    fixpoint = names.select("file_id", "path", "name")
    mixed = Join(
        joined,
        Ref("fixpoint", Scope.FIXPOINT).distinct("path"),
        "left semi",
        ("path",),
        ("path",),
        ("file_id", "path", "name", "bstart", "repo_names"),
    ).order_by("path", "bstart")
    outputs = (
        Output(
            "cst_name_refs", {Scope.PART: Scan("cst_name_refs")}, ("cst_name_refs",), _tags("raw", "part"), "", TABLE
        ),
        _output("by_part", Scope.PART, counted.kernel("by_part", scan, "name"), f"{FILE} name bstart:i64"),
        _output(
            "by_rows", Scope.PART, scan.where(Call("<>", (Column("name"), Literal("")))), f"{FILE} name bstart:i64"
        ),
        _output("of_repo", Scope.REPO, counted.kernel("of_repo", distinct, "name"), "name"),
        _output("fixpoint", Scope.FIXPOINT, counted.kernel("fixpoint", fixpoint, "name"), f"{FILE} name"),
        _output(
            "by_part_and_repo",
            Scope.PART,
            counted.kernel("by_part_and_repo", mixed, "name"),
            f"{FILE} name bstart:i64 repo_names:i64",
        ),
    )
    return MappingProxyType({output.name: output for output in outputs})


def _counts(names: Plan) -> Plan:
    counted = names.select("name", one=Literal(1))
    return Aggregate(counted, ("one",), (("name", "count", "repo_names"),))


def _output(name: str, scope: Scope, plan: Plan, columns: str) -> Output:
    spec = contract(f"{name}_v1", "test", columns, order="path" if "path" in columns else "name")
    return Output(name, {scope: plan}, ("cst_name_refs",), _tags("output", scope), "", spec)


def _tags(kind: str, scope: str) -> Mapping[str, str]:
    return {"layer": "test", "kind": kind, "scope": scope}


def service_of(folder: Path, counted: Counted, capacity: Capacity = CAPACITY, build: str | None = None) -> Service:
    return Service(Store(folder), pipeline_of(counted), capacity, build)


def put_names(service: Service, contents: Mapping[str, list[tuple[str, int]]], **options: object) -> None:
    """Commit files with their names: pairs of a name and a start offset."""
    rows = [
        {"file_id": f"file:{path}", "path": path, "name_ref_id": f"{path}:{name}", "name": name, "bstart": start}
        for path, names in contents.items()
        for name, start in names
    ]
    transaction = service.store.begin("r", files=options.pop("files", None))
    transaction.put(TABLE, pa.Table.from_pylist(rows, schema=TABLE.schema).to_reader(), **options)
    transaction.commit()


def put_many(service: Service, rows: int) -> None:
    """Commit one file with many names."""
    numbers = pa.array(range(rows), pa.int64())
    constants = {"file_id": "file:large.py", "path": "large.py", "name": "x"}
    columns = {name: pa.repeat(value, rows) for name, value in constants.items()}
    table = pa.table({**columns, "name_ref_id": numbers.cast(pa.string()), "bstart": numbers})
    transaction = service.store.begin("r")
    transaction.put(TABLE, table.to_reader())
    transaction.commit()


def names_of(service: Service, dataset: str, **narrowed: object) -> pa.Table:
    stream = open_read(service.read(Request("r", dataset, **narrowed)), lambda: None)
    with closing(stream.batches) as batches:
        return pa.Table.from_batches(batches, stream.schema)
