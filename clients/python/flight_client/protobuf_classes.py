"""Classes of the protobuf library, made from the numbers of a message's fields, without generated code.

A message is a text of fields ``name=number:type``, with ``*`` after the name if the field repeats. A type that is not
one of ``_SCALARS`` is a message. Unknown fields are skipped and enums are plain integers, so messages of newer versions
of a format can be read.
"""

from collections.abc import Mapping
from types import MappingProxyType

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import Message

_FIELD = descriptor_pb2.FieldDescriptorProto
_SCALARS = MappingProxyType(
    {
        "str": _FIELD.TYPE_STRING,
        "bytes": _FIELD.TYPE_BYTES,
        "int": _FIELD.TYPE_INT32,
        "int64": _FIELD.TYPE_INT64,
        "uint": _FIELD.TYPE_UINT32,
        "bool": _FIELD.TYPE_BOOL,
    }
)


def message_classes(package: str, messages: Mapping[str, str]) -> Mapping[str, type[Message]]:
    r"""The classes of a package's messages, by name.

    >>> point = message_classes("example", {"Point": "x=1:int y=2:int"})["Point"]
    >>> point(x=3, y=4).SerializeToString()
    b'\x08\x03\x10\x04'
    """
    file = descriptor_pb2.FileDescriptorProto(name=f"{package}.proto", package=package, syntax="proto3")
    for name, fields in messages.items():
        message = file.message_type.add(name=name)
        for field in fields.split():
            label, number, kind = field.replace("=", ":").split(":")
            repeated = label.endswith("*")
            message.field.add(
                name=label.rstrip("*"),
                number=int(number),
                label=_FIELD.LABEL_REPEATED if repeated else _FIELD.LABEL_OPTIONAL,
                type=_SCALARS.get(kind, _FIELD.TYPE_MESSAGE),
                type_name=None if kind in _SCALARS else f".{package}.{kind}",
            )
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    found = {name: pool.FindMessageTypeByName(f"{package}.{name}") for name in messages}
    return MappingProxyType({name: message_factory.GetMessageClass(kind) for name, kind in found.items()})
