"""Names and ids of what was found: qualified names of definitions, dotted names of externals, an id for each object."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from flight_server.points_to.columns import Ints, Mask, ints
from flight_server.points_to.heap import Kind, Shape
from flight_server.points_to.rows import Files, files_of
from flight_server.points_to.source import DEEPEST, Source, flags
from flight_server.points_to.world import World

_EXPRESSION = "x:def:"
_PLACES = ("var:def:", _EXPRESSION, "ret:def:", "yld:def:")
OBJECT_KINDS: Mapping[Kind, str] = MappingProxyType({kind: kind.name.lower() for kind in Kind})
_SHAPE_NAMES = pa.array([None, *(shape.name.lower() for shape in Shape)])
_WRAPPERS = (
    *(Kind.INSTANCE, Kind.GENERATOR, Kind.PROPERTY, Kind.SETTER, Kind.STATIC, Kind.CLASS_METHOD),
    *(
        Kind.NAMESPACE,
        Kind.FACTORY,
        Kind.DISPATCH,
        Kind.PROPERTY_STEP,
        Kind.PARTIAL,
        Kind.PARTIAL_METHOD,
        Kind.METHOD,
        Kind.SUPER,
    ),
)


@dataclass(frozen=True)
class Names:
    """By number (the first, for 0, is null): names and files of definitions, ids and dotted names of objects."""

    qualified: pa.Array
    definition_file: pa.Array
    object_id: pa.Array
    external: pa.Array
    place_files: Files
    is_expression: Mask  # by place: of those of the source, which have no name


def name_all(world: World) -> Names:
    """The names and ids of all definitions and objects."""
    source = world.source
    ids = source.definitions.ids.values
    files = pc.binary_join_element_wise(
        "file:", pc.utf8_slice_codeunits(ids, len("def:file:"), len("def:file:") + 16), ""
    )
    files = pa.concat_arrays([pa.nulls(1, pa.string()), files])
    external = _externals(world)
    places = source.places.values
    return Names(
        qualified_names(source),
        files,
        _object_ids(world, files, external),
        external,
        files_of(places, _PLACES),
        np.concatenate([[False], flags(pc.starts_with(places, _EXPRESSION))]),
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
        found = _put(found, at + 1, joined)
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
    at = pc.index_in(pc.utf8_slice_codeunits(known.ids.values, 4, 4 + len("file:") + 16), value_set=files["file_id"])
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
    """Dotted names of externals; what a model's callee gives is named like the callee."""
    heap = world.heap
    found = pa.nulls(heap.objects, pa.string())
    is_external = heap.kind.values[: heap.objects] == Kind.EXTERNAL
    depth = heap.depth.values[: heap.objects]
    for level in range(1, int(depth.max(initial=0)) + 1):
        at = np.flatnonzero(is_external & (depth == level))
        step = world.keys.all.of(np.where(heap.second.values[at] == world.keys["()"], 0, heap.second.values[at]))
        outer = found.take(pa.array(heap.first.values[at]))
        joined = pc.coalesce(pc.binary_join_element_wise(outer, step, "."), step, outer)
        found = _put(found, at, joined)
    return found


def _object_ids(world: World, files: pa.Array, external: pa.Array) -> pa.Array:
    heap, source = world.heap, world.source
    kind, first = heap.kind.values[: heap.objects], heap.first.values[: heap.objects]
    second = heap.second.values[: heap.objects]
    found = pc.binary_join_element_wise("ext:", external, "")
    defined = np.flatnonzero((kind == Kind.FUNCTION) | (kind == Kind.CLASS))
    found = _put(found, defined, source.definitions.ids.of(first[defined]))
    modules = np.flatnonzero(kind == Kind.MODULE)
    folders = pc.binary_join_element_wise("folder:", pa.array(second[modules]).cast(pa.string()), "")
    found = _put(found, modules, pc.coalesce(files.take(pa.array(first[modules])), folders))
    constants = np.flatnonzero(kind == Kind.CONSTANT)
    shapes = _SHAPE_NAMES.take(pa.array(first[constants]))
    reprs = pc.utf8_slice_codeunits(source.keys.all.of(second[constants]), 1)
    plain = pc.binary_join_element_wise("const:", shapes, "")
    found = _put(found, constants, pc.coalesce(pc.binary_join_element_wise(plain, reprs, ":"), plain))
    begins = np.flatnonzero(kind == Kind.PREFIX)
    found = _put(found, begins, pc.binary_join_element_wise("prefix:", source.keys.all.of(first[begins]), ""))
    containers = np.flatnonzero(kind == Kind.CONTAINER)
    found = _put(found, containers, _container_ids(world, first[containers], second[containers]))
    for _ in range(3):
        for wrapper in _WRAPPERS:
            at = np.flatnonzero(kind == wrapper)
            found = _put(found, at, _wrapper_ids(found, wrapper, first[at], second[at]))
    return found


def _container_ids(world: World, numbers: Ints, shapes: Ints) -> pa.Array:
    """Those of the source have ids; those that models make are named after their place and shape."""
    known = world.container_ids
    is_known = numbers < world.containers
    place = np.where(is_known, 0, numbers - world.containers)
    shape = _SHAPE_NAMES.take(pa.array(shapes))
    made = pc.binary_join_element_wise(pc.binary_join_element_wise("obj:", _place_texts(world, place), ""), shape, ":")
    return pc.coalesce(known.of(np.where(is_known, numbers, 0)), made)


def _place_texts(world: World, places: Ints) -> pa.Array:
    """Places of the source by their strings, others by number."""
    texts = world.source.places
    of_source = places <= len(texts.values)
    return pc.coalesce(texts.of(np.where(of_source, places, 0)), pa.array(places).cast(pa.string()))


def _wrapper_ids(found: pa.Array, kind: Kind, first: Ints, second: Ints) -> pa.Array:
    inner = found.take(pa.array(first))
    prefix = f"{OBJECT_KINDS[kind]}:"
    if kind in (Kind.METHOD, Kind.SUPER):
        return pc.binary_join_element_wise(prefix, inner, "@", found.take(pa.array(second)), "")
    if kind in (Kind.PARTIAL, Kind.PARTIAL_METHOD):
        return pc.binary_join_element_wise(prefix, inner, "@", pa.array(second).cast(pa.string()), "")
    return pc.binary_join_element_wise(prefix, inner, "")


def _put(values: pa.Array, at: Ints, more: pa.Array | pa.ChunkedArray) -> pa.Array:
    """The strings with others at some positions."""
    if not len(at):
        return values
    flat = more.combine_chunks() if isinstance(more, pa.ChunkedArray) else more
    index = np.arange(len(values))
    index[at] = len(values) + np.arange(len(at))
    return pa.concat_arrays([values, flat.cast(pa.string())]).take(pa.array(ints(index)))
