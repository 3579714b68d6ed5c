"""The memory that a whole repo's kernels take: refused before they start where the machine has not got it.

A process that the operating system ends for its memory takes every other reader's stream with it.
"""

import os
from pathlib import Path

from arrowdsl.plan.nodes import Kernel, Plan, Ref, Scan, walk
from flight_server.serving.errors import TooLargeError
from flight_server.serving.limits import GIB
from flight_server.storage.snapshots import Snapshot

_USABLE = 0.9
_CONTAINER_LIMIT = Path("/sys/fs/cgroup/memory.max")


def kernel_bytes(plan: Plan, snapshot: Snapshot) -> int:
    """About how many bytes the kernels of a plan over a whole repo take at their peak, by the rows that they read."""
    kernels = [node for node in walk(plan) if isinstance(node, Kernel) and node.function.row_bytes]
    return sum(kernel.function.row_bytes * _rows_below(kernel, snapshot) for kernel in kernels)


def _rows_below(kernel: Kernel, snapshot: Snapshot) -> int:
    """The rows of the stored tables that a kernel reads, through plans of its own or as outputs of their own."""
    rows = 0
    for below in walk(kernel):
        match below:
            case Scan(table=name) | Ref(output=name):
                rows += snapshot.rows(name)
    return rows


def machine_bytes() -> int:
    """The memory of this machine, or of the container if that has less."""
    physical = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    try:
        return min(physical, int(_CONTAINER_LIMIT.read_text(encoding="ascii")))
    except (OSError, ValueError):  # no container, or no limit: "max"
        return physical


def check_memory(output: str, plan: Plan, snapshot: Snapshot, available: int) -> None:
    """Raise TooLargeError if the plan's kernels need more than most of the ``available`` bytes."""
    needed = kernel_bytes(plan, snapshot)
    if needed > available * _USABLE:
        raise TooLargeError(
            f"{output} of {snapshot.repo} is computed from the whole repo at once, and would take about"
            f" {needed / GIB:.1f} GiB of memory; this machine has {available / GIB:.1f} GiB. Outputs that are not made"
            " from it can be read, and a repo of fewer files"
        )
