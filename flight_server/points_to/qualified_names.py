"""Dotted names: the qualified names of definitions, and the names of externals."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from flight_server.points_to.facts import Facts
from flight_server.points_to.heap import Kind
from flight_server.points_to.integer_columns import Ints
from flight_server.points_to.interned_strings import flags, positions, put_strings
from flight_server.points_to.state import State


def qualified_names(facts: Facts) -> pa.Array:
    """The qualified names of definitions by number: the module's name, then the names of nested definitions.

    A comprehension has the name of the definition around it; lambdas are numbered within a function or module.
    """
    defs = facts.definitions
    own = _own_names(facts)
    is_comprehension = flags(pc.equal(defs.kind, "comprehension"))
    found = pa.nulls(len(defs.kind) + 1, pa.string())
    depth = defs.depth()
    for level in range(int(depth.max(initial=0)) + 1):
        at = np.flatnonzero(depth[1:] == level)
        outer, inner = found.take(pa.array(defs.container[at + 1])), own.take(pa.array(at))
        joined = pc.coalesce(pc.binary_join_element_wise(outer, inner, "."), inner)
        found = put_strings(found, at + 1, pc.if_else(pa.array(is_comprehension[at]), outer, joined))
    return found


def _own_names(facts: Facts) -> pa.Array:
    """Each definition's own name, without those around it; a module's full name, or its path if it has no name."""
    defs, files = facts.definitions, facts.tables["repo_files"]
    module = pc.coalesce(files["module"], files["path"])
    row = positions(pc.index_in(facts.files.ids.values, value_set=files["file_id"]))
    at = np.concatenate([[-1], row])[defs.ids.files[1:]]
    of_module = module.take(pa.array(at, mask=at < 0))
    number = pa.array(_lambda_numbers(facts)[1:]).cast(pa.string())
    of_lambda = pc.binary_join_element_wise("<lambda", number, ">", "")
    plain = facts.keys.all.of(defs.name[1:])
    is_lambda, is_module = pc.equal(defs.kind, "lambda"), pc.equal(defs.kind, "module")
    names = pc.if_else(is_module, of_module, pc.if_else(is_lambda, of_lambda, plain))
    return names.combine_chunks() if isinstance(names, pa.ChunkedArray) else names


def _lambda_numbers(facts: Facts) -> Ints:
    """The numbers of lambdas, from 1 in source order within a function or module."""
    defs = facts.definitions
    scope = defs.around(defs.container, defs.is_function | defs.is_module)
    lambdas = np.flatnonzero(flags(pc.equal(defs.kind, "lambda"))) + 1
    ordered = lambdas[np.lexsort((defs.row[lambdas], scope[lambdas]))]
    numbers = np.zeros(len(scope), np.int64)
    numbers[ordered] = np.arange(len(ordered)) - np.searchsorted(scope[ordered], scope[ordered]) + 1
    return numbers


def external_names(state: State) -> pa.Array:
    """The dotted names of externals by number; ``()`` in a name stands for the result of a model."""
    heap = state.heap
    found = pa.nulls(heap.next_object, pa.string())
    is_external = heap.kind[: heap.next_object] == Kind.EXTERNAL
    depth = heap.depth[: heap.next_object]
    for level in range(1, int(depth.max(initial=0)) + 1):
        at = np.flatnonzero(is_external & (depth == level))
        step = state.keys.all.of(heap.second[at])
        outer = found.take(pa.array(heap.first[at]))
        found = put_strings(found, at, pc.coalesce(pc.binary_join_element_wise(outer, step, "."), step))
    return found
