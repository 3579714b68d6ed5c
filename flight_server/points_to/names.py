"""Names and ids of what was found: qualified names of definitions, dotted names of externals, an id for each object."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from flight_server.points_to.columns import Ints, Mask
from flight_server.points_to.heap import Kind
from flight_server.points_to.interning import put_strings
from flight_server.points_to.object_ids import object_ids
from flight_server.points_to.source import DEEPEST, Source, flags
from flight_server.points_to.world import World

_EXPRESSION = "x:def:"


@dataclass(frozen=True)
class Names:
    """By number (the first, for 0, is null): names of definitions, ids and dotted names of objects."""

    qualified: pa.Array
    object_id: pa.Array
    external: pa.Array
    is_expression: Mask  # by place: of those of the source, which have no name


def name_all(world: World) -> Names:
    """The names and ids of all definitions and objects."""
    source, steps = world.source, _externals(world)
    return Names(
        qualified_names(source),
        object_ids(world, steps),
        pc.replace_substring(steps, ".()", ""),
        np.concatenate([[False], flags(pc.starts_with(source.places.values, _EXPRESSION))]),
    )


def qualified_names(source: Source) -> pa.Array:
    """The qualified names of definitions by number: modules', and below them the path of names.

    Code of comprehensions belongs to what encloses them; lambdas are counted within a function or module.
    """
    known = source.definitions
    own = _own_names(source)
    is_comprehension = pc.equal(known.kind, "comprehension").to_numpy(zero_copy_only=False)
    names = [None, *[None] * len(known.kind)]
    found = pa.array(names, pa.string())
    depth = _depths(known.container)
    for level in range(int(depth.max(initial=0)) + 1):
        at = np.flatnonzero(depth[1:] == level)
        if not len(at):
            continue
        outer = found.take(pa.array(known.container[at + 1]))
        inner = own.take(pa.array(at))
        joined = pc.coalesce(pc.binary_join_element_wise(outer, inner, "."), inner)
        joined = pc.if_else(pa.array(is_comprehension[at]), outer, joined)
        found = put_strings(found, at + 1, joined)
    return found


def _depths(container: Ints) -> Ints:
    """How many definitions each is inside of."""
    depth, outer = np.zeros(len(container), np.int64), container.copy()
    for _ in range(DEEPEST):
        if not outer.any():
            break
        depth += outer > 0
        outer = container[outer]
    return depth


def _own_names(source: Source) -> pa.Array:
    """The last step of each definition's name; a module's whole name, or its path where it has none."""
    known = source.definitions
    files = source.tables["repo_files"]
    by_path = pc.replace_substring(pc.replace_substring_regex(files["path"], r"(/__init__)?\.py$", ""), "/", ".")
    module = pc.coalesce(files["module"], by_path)
    of_file = pc.utf8_slice_codeunits(known.ids.values, len("def:"), len("def:") + 16)
    at = pc.index_in(of_file, value_set=files["file_id"])
    of_module = module.take(at).combine_chunks()
    number = pa.array(_lambda_numbers(source)[1:]).cast(pa.string())
    of_lambda = pc.binary_join_element_wise("<lambda", number, ">", "")
    plain = source.keys.all.of(known.name[1:])
    is_lambda, is_module = pc.equal(known.kind, "lambda"), pc.equal(known.kind, "module")
    return pc.if_else(is_module, of_module, pc.if_else(is_lambda, of_lambda, plain))


def _lambda_numbers(source: Source) -> Ints:
    """The numbers of lambdas, from 1 in source order within a function or module."""
    known = source.definitions
    counts_here = known.is_function | known.is_module
    scope = known.container.copy()
    for _ in range(DEEPEST):
        climbing = ~counts_here[scope] & (scope > 0)
        if not climbing.any():
            break
        scope = np.where(climbing, known.container[scope], scope)
    lambdas = np.flatnonzero(np.concatenate([[False], pc.equal(known.kind, "lambda").to_numpy(zero_copy_only=False)]))
    ordered = lambdas[np.lexsort((known.row[lambdas], scope[lambdas]))]
    numbers = np.zeros(len(scope), np.int64)
    numbers[ordered] = np.arange(len(ordered)) - np.searchsorted(scope[ordered], scope[ordered]) + 1
    return numbers


def _externals(world: World) -> pa.Array:
    """The steps of externals joined by dots; ``()`` is the step to what a model's callee gives."""
    heap = world.heap
    found = pa.nulls(heap.objects, pa.string())
    is_external = heap.kind.values[: heap.objects] == Kind.EXTERNAL
    depth = heap.depth.values[: heap.objects]
    for level in range(1, int(depth.max(initial=0)) + 1):
        at = np.flatnonzero(is_external & (depth == level))
        step = world.keys.all.of(heap.second.values[at])
        outer = found.take(pa.array(heap.first.values[at]))
        found = put_strings(found, at, pc.coalesce(pc.binary_join_element_wise(outer, step, "."), step))
    return found
