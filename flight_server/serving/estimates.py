"""Estimates of the memory of a stream or a computation, from the stored bytes that it reads.

The estimates are high on purpose: decoded rows take several times the size of their compressed file.
"""

import os
from pathlib import Path

from arrowdsl.plan.nodes import Kernel, Plan, Ref, Scan, Scope, walk
from flight_server.pipeline.driver import Output
from flight_server.serving.request_errors import TooLargeError
from flight_server.storage.artifacts import GIB
from flight_server.storage.paths import Part
from flight_server.storage.snapshots import Snapshot

DECODED = 8  # bytes in memory for each stored byte
_USABLE = 0.9
_CONTAINER_LIMIT = Path("/sys/fs/cgroup/memory.max")


def part_bytes(output: Output, snapshot: Snapshot, part: Part) -> int:
    """The memory for the plan of an output over one part."""
    return DECODED * sum(snapshot.part_bytes(table, part) for table in output.lineage)


def computation_bytes(output: Output, scope: Scope, plan: Plan, snapshot: Snapshot, part: Part) -> int:
    """The memory for computing a result; raises TooLargeError if kernels over a whole repo exceed the machine's."""
    if scope is Scope.PART:
        return part_bytes(output, snapshot, part)
    kernels = kernel_bytes(plan, snapshot)
    available = machine_bytes()
    if kernels > available * _USABLE:
        raise TooLargeError(
            f"{output.name} of {snapshot.repo} is computed from the whole repo at once, and would take about"
            f" {kernels / GIB:.1f} GiB of memory; this machine has {available / GIB:.1f} GiB. Read an output that does"
            f" not depend on {output.name}, or ingest fewer files"
        )
    return kernels or DECODED * sum(snapshot.bytes(table) for table in output.lineage)


def kernel_bytes(plan: Plan, snapshot: Snapshot) -> int:
    """The estimated peak memory of the kernels of a plan over a whole repo, from the rows that they read."""
    kernels = [node for node in walk(plan) if isinstance(node, Kernel) and node.function.row_bytes]
    return sum(kernel.function.row_bytes * _rows_below(kernel, snapshot) for kernel in kernels)


def machine_bytes() -> int:
    """The memory of this machine, or of the container if its limit is lower."""
    physical = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    try:
        return min(physical, int(_CONTAINER_LIMIT.read_text(encoding="ascii")))
    except (OSError, ValueError):  # no container, or no limit: "max"
        return physical


def _rows_below(kernel: Kernel, snapshot: Snapshot) -> int:
    """The rows of the stored tables that a kernel reads, in its plan or through outputs that the plan refers to."""
    rows = 0
    for below in walk(kernel):
        match below:
            case Scan(table=name) | Ref(output=name):
                rows += snapshot.rows(name)
    return rows
