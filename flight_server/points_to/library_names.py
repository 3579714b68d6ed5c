"""What is known of the library by name: types of literals, modules and bases with a meaning of their own, models."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from flight_client.contracts.builtin_names import BUILTIN_ATTRIBUTES, BUILTIN_NAMES
from flight_server.points_to import programs
from flight_server.points_to.columns import Ints, ints, pack
from flight_server.points_to.heap import Shape
from flight_server.points_to.models import OPERATORS
from flight_server.points_to.programs import compile_models
from flight_server.points_to.world import World

SHAPES = {
    "list": Shape.LIST,
    "tuple": Shape.TUPLE,
    "set": Shape.SET,
    "dict": Shape.DICT,
    "generator": Shape.GENERATOR,
    "str": Shape.STR,
    "bytes": Shape.BYTES,
    "int": Shape.INT,
    "float": Shape.FLOAT,
    "complex": Shape.COMPLEX,
    "bool": Shape.BOOL,
    "none": Shape.NONE,
    "ellipsis": Shape.ELLIPSIS,
}
_TUPLE_TYPE = "typing.NamedTuple"
_NAMESPACE = "argparse.ArgumentParser.parse_args"
_ENTERS = "contextlib.AbstractContextManager.__enter__"
_VOCABULARY = ("typing", "typing_extensions", "collections", "types", "abc")
_PROTOCOLS = ("typing.Protocol", "typing_extensions.Protocol")
_BARE_TYPES = ("abc.ABC", "builtins.object", "typing.Generic", *_PROTOCOLS)
_OBJECT_METHODS = ("__init__", "__new__", "__init_subclass__", "__setattr__", "__delattr__", "__getattribute__")
_TYPES = {
    **{shape: f"builtins.{name}" for name, shape in SHAPES.items()},
    Shape.NONE: "builtins.NoneType",
    Shape.ELLIPSIS: "builtins.ellipsis",
    Shape.DEQUE: "collections.deque",
    Shape.QUEUE: "queue.Queue",
    Shape.FUTURE: "concurrent.futures.Future",
}


def fixed_names() -> tuple[str, ...]:
    """Names that need keys although no source may spell them."""
    return tuple(
        sorted(
            {
                *programs.names(),
                *BUILTIN_NAMES,
                *(step for dotted in (*_TYPES.values(), *_BARE_TYPES, _TUPLE_TYPE) for step in dotted.split(".")),
                "enum",
                *_ENTERS.split("."),
                *_NAMESPACE.split("."),
                *_VOCABULARY,
                *_OBJECT_METHODS,
            }
        )
    )


def external_of(world: World, dotted: pa.Array) -> Ints:
    """The externals of dotted names."""
    if not len(dotted):
        return ints([])
    steps = pc.split_pattern(dotted, ".")
    keys = world.keys.all.find(pc.list_flatten(steps))
    lengths = pc.list_value_length(steps).to_numpy(zero_copy_only=False)
    paths = np.zeros((len(dotted), int(lengths.max())), np.int64)
    row = np.repeat(np.arange(len(dotted)), lengths)
    paths[row, np.arange(len(keys)) - np.repeat(np.cumsum(lengths) - lengths, lengths)] = keys
    return world.heap.dotted(paths)


def name_library(world: World) -> None:
    """Externals that are known by name: types of literals, and what has a model."""
    world.builtins = int(external_of(world, pa.array(["builtins"]))[0])
    world.annotation_roots = external_of(world, pa.array(_VOCABULARY))
    world.tuple_types = external_of(world, pa.array([_TUPLE_TYPE]))
    world.enum_module = int(external_of(world, pa.array(["enum"]))[0])
    world.namespace = int(external_of(world, pa.array([_NAMESPACE]))[0])
    world.enters = int(external_of(world, pa.array([_ENTERS]))[0])
    world.operators = np.sort(world.keys.all.find(pa.array(sorted(OPERATORS))))
    world.object_type = int(external_of(world, pa.array(["builtins.object"]))[0])
    world.object_methods = np.sort(world.keys.all.find(pa.array(_OBJECT_METHODS)))
    world.bare_types = np.sort(external_of(world, pa.array(_BARE_TYPES)))
    world.protocol_types = external_of(world, pa.array(_PROTOCOLS))
    world.value_attributes = _value_attributes(world)
    types = external_of(world, pa.array([_TYPES[shape] for shape in Shape]))
    world.shape_types = np.concatenate([[0], types])
    world.programs = compile_models(world.keys.numbers)
    dotted = pa.array([name.replace("()", ".()") for name in world.programs.dotted])
    modelled = external_of(world, dotted)
    world.models, world.type_shapes = (np.zeros(world.heap.objects, np.int64) for _ in range(2))
    world.models[modelled] = np.arange(1, len(modelled) + 1)
    world.type_shapes[types] = ints(list(Shape))


def _value_attributes(world: World) -> Ints:
    """The packed (shape, key) of the attributes that values of built-in types have, sorted."""
    known = [(SHAPES[name], pa.array(sorted(attributes))) for name, attributes in BUILTIN_ATTRIBUTES.items()]
    shapes = np.repeat([shape for shape, _ in known], [len(names) for _, names in known])
    return np.sort(pack(shapes, world.keys.all.find(pa.chunked_array([names for _, names in known]))))
