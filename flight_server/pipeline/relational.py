"""Shorthands for the concept modules: tags of a node, joins and kernels. Columns are the words of one string.

A node of the pipeline is a function from plans to a plan. Its tags are

- ``layer``: the group of tables that it belongs to, as in the contracts,
- ``kind``: ``raw`` for a stored table, ``output`` for a served one, ``intermediate`` for one in between,
- ``scope``: how much of a repo its plan reads at once (``Scope``),
- ``stage``: ``extraction`` (raw tables), ``normalization`` (relations between them), ``cpg_build`` (the graph), or
  ``outputs`` (tables that are served by themselves).
"""

from collections.abc import Callable
from typing import Any

import pyarrow as pa
from hamilton.function_modifiers import tag

from arrowdsl.compute.expr import col
from arrowdsl.plan.nodes import Join, JoinKind, Kernel, KernelFunction, Plan, Scope

FILE = "file_id path"
SPAN = "bstart bend"
PLACE = f"{FILE} {SPAN}"


def relation(layer: str, scope: Scope = Scope.PART, stage: str = "normalization", **more: str) -> Callable[[Any], Any]:
    """Tags a node that is not served: an input of other nodes."""
    decorate: Callable[[Any], Any] = tag(layer=layer, kind="intermediate", scope=scope, stage=stage, **more)
    return decorate


def output(layer: str, scope: Scope = Scope.PART, stage: str = "outputs", **more: str) -> Callable[[Any], Any]:
    """Tags a node that is served under its own name, or under the tag ``dataset``; its contract has the same name."""
    decorate: Callable[[Any], Any] = tag(layer=layer, kind="output", scope=scope, stage=stage, **more)
    return decorate


def join(left: Plan, right: Plan, on: str, *, keep: str, take: str = "", kind: JoinKind = "inner") -> Plan:
    """The columns ``keep`` of ``left`` and ``take`` of ``right``; ``on`` names the keys, ``left=right`` if they differ.

    Only these columns enter the join, since Acero's joins refuse list columns.
    """
    pairs = [word.partition("=") for word in on.split()]
    left_keys, right_keys = tuple(pair[0] for pair in pairs), tuple(pair[2] or pair[0] for pair in pairs)
    kept, taken = tuple(keep.split()), tuple(take.split())
    return Join(
        left.select(*dict.fromkeys((*left_keys, *kept))),
        right.select(*dict.fromkeys((*right_keys, *taken))),
        kind,
        left_keys,
        right_keys,
        kept,
        taken,
    )


def kernel(
    name: str,
    apply: Callable[..., pa.Table],
    rows: tuple[Plan, str],
    *sides: tuple[Plan, str],
    version: int = 1,
    passes: str = "",
    group_by: str | None = None,
    adds_columns: bool = False,
    row_bytes: int = 0,
) -> Plan:
    """A kernel: ``apply`` gets the named columns of ``rows`` and of each side, and its result replaces the columns.

    With ``adds_columns``, ``apply`` gets all columns of ``rows`` and returns them with further ones. The other
    parameters are those of ``KernelFunction``.
    """
    plan, needs = rows[0], tuple(rows[1].split())
    function = KernelFunction(
        name=name,
        version=version,
        apply=apply,
        needs=needs,
        passes=frozenset(passes.split()),
        group_by=group_by,
        replaces_columns=not adds_columns,
        side_needs=tuple(tuple(columns.split()) for _, columns in sides),
        row_bytes=row_bytes,
    )
    whole = tuple(side.select(*columns.split()) for side, columns in sides)
    return Kernel(plan if adds_columns else plan.select(*needs), function, whole)


def resolved(resolution: Plan, repo_files: Plan, name: str, columns: str) -> Plan:
    """The rows of one relation of points-to: file_id, path and ``columns`` (listed in ``points_to.relation_rows``)."""
    rows = resolution.where(col("relation").eq(name))
    return join(rows, repo_files, "file_id", keep=f"file_id {columns}", take="path")
