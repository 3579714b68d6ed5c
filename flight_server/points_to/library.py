"""The library's names that rules refer to: types of literals, special modules and bases, modelled functions."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from flight_client.contracts.builtin_names import BUILTIN_ATTRIBUTES, BUILTIN_NAMES
from flight_server.points_to.builtin_models import OPERATORS
from flight_server.points_to.field_keys import FieldKeys
from flight_server.points_to.heap import Heap, Shape
from flight_server.points_to.integer_columns import Ints, Mask, ints, pack
from flight_server.points_to.library_models import MODELS
from flight_server.points_to.model_compiler import CompiledModels, compile_models, model_names

SHAPES = {shape.name.lower(): shape for shape in Shape if shape <= Shape.ELLIPSIS}
_TUPLE_TYPE = "typing.NamedTuple"
_DICT_TYPES = ("typing.TypedDict", "typing_extensions.TypedDict")
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
    """Names that need keys even if no source spells them."""
    dotted = (*_TYPES.values(), *_BARE_TYPES, *_DICT_TYPES, _TUPLE_TYPE, _ENTERS, _NAMESPACE)
    steps = (step for name in dotted for step in name.split("."))
    return tuple(sorted({*model_names(), *BUILTIN_NAMES, *steps, "enum", *_VOCABULARY, *_OBJECT_METHODS}))


@dataclass(frozen=True)
class Library:
    """Externals that rules refer to by name: sorted columns, some of length 1.

    ``shape_types`` has the type of each Shape, ``type_shapes`` is the reverse. ``models`` has the number of each
    external's model, 0 for none. ``bare_types`` have no attributes. ``enters`` is a method that returns its receiver.
    ``value_attributes`` has the packed (Shape, key) of the attributes of values of built-in types; ``operators`` and
    ``object_methods`` are keys.
    """

    builtins: Ints
    object_type: Ints
    enum_module: Ints
    namespace: Ints
    enters: Ints
    annotation_roots: Ints
    tuple_types: Ints
    dict_types: Ints
    bare_types: Ints
    protocol_types: Ints
    operators: Ints
    object_methods: Ints
    value_attributes: Ints
    shape_types: Ints
    type_shapes: Ints
    models: Ints
    compiled: CompiledModels
    new: int

    @classmethod
    def of(cls, keys: FieldKeys, heap: Heap) -> "Library":
        """Create these externals on a repo's heap."""

        def found(*names: str) -> Ints:
            return external_of(keys, heap, pa.array(names))

        named = {
            name: found(*dotted)
            for name, dotted in {
                "builtins": ["builtins"],
                "annotation_roots": _VOCABULARY,
                "tuple_types": [_TUPLE_TYPE],
                "dict_types": _DICT_TYPES,
                "enum_module": ["enum"],
                "namespace": [_NAMESPACE],
                "enters": [_ENTERS],
                "object_type": ["builtins.object"],
                "bare_types": _BARE_TYPES,
                "protocol_types": _PROTOCOLS,
            }.items()
        }
        types = found(*(_TYPES[shape] for shape in Shape))
        modelled = found(*(name.replace("()", ".()") for name in MODELS))
        models, type_shapes = np.zeros((2, heap.next_object), np.int64)
        models[modelled] = np.arange(1, len(modelled) + 1)
        type_shapes[types] = ints(list(Shape))
        return cls(
            **{name: np.sort(externals) for name, externals in named.items()},
            operators=np.sort(keys.find(pa.array(sorted(OPERATORS)))),
            object_methods=np.sort(keys.find(pa.array(_OBJECT_METHODS))),
            value_attributes=_value_attributes(keys),
            shape_types=np.concatenate([[0], types]),
            type_shapes=type_shapes,
            models=models,
            compiled=compile_models(keys.numbers),
            new=keys["__new__"],
        )

    def shape_of_type(self, externals: Ints) -> Ints:
        """The shape of the values of built-in types; 0 for other externals."""
        return _at(self.type_shapes, externals)

    def models_of(self, externals: Ints, heap: Heap) -> Ints:
        """The numbers of externals' models; 0 for none. Every ``__new__`` has a model."""
        numbers = _at(self.models, externals)
        is_new = (numbers == 0) & (heap.second[externals] == self.new)
        return np.where(is_new, len(self.compiled.low) - 1, numbers)

    def is_builtin(self, externals: Ints, heap: Heap) -> Mask:
        """Which externals belong to the module ``builtins``."""
        mask: Mask = heap.root[externals] == self.builtins
        return mask


def external_of(keys: FieldKeys, heap: Heap, dotted: pa.Array) -> Ints:
    """The externals of dotted names."""
    if not len(dotted):
        return ints([])
    steps = pc.split_pattern(dotted, ".")
    lengths = pc.list_value_length(steps).to_numpy(zero_copy_only=False)
    found = keys.find(pc.list_flatten(steps))
    paths = np.zeros((len(dotted), int(lengths.max())), np.int64)
    row = np.repeat(np.arange(len(dotted)), lengths)
    paths[row, np.arange(len(found)) - np.repeat(np.cumsum(lengths) - lengths, lengths)] = found
    return heap.dotted(paths)


def _at(column: Ints, numbers: Ints) -> Ints:
    return np.where(numbers < len(column), column[np.minimum(numbers, len(column) - 1)], 0)


def _value_attributes(keys: FieldKeys) -> Ints:
    """The packed (shape, key) of the attributes that values of built-in types have, sorted."""
    by_shape = [(SHAPES[name], pa.array(sorted(attributes))) for name, attributes in BUILTIN_ATTRIBUTES.items()]
    shapes = np.repeat([shape for shape, _ in by_shape], [len(names) for _, names in by_shape])
    return np.sort(pack(shapes, keys.find(pa.chunked_array([names for _, names in by_shape]))))
