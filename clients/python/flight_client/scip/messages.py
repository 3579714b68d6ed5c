"""The messages of a SCIP index, as classes of the protobuf library.

The format is that of ``scip.proto`` in https://github.com/sourcegraph/scip.
"""

from collections.abc import Mapping
from types import MappingProxyType

from google.protobuf.message import DecodeError, Message

from arrowdsl.errors import DataError
from flight_client.protobuf_classes import message_classes

_MESSAGES: Mapping[str, str] = MappingProxyType(
    {
        "Metadata": "version=1:int tool_info=2:ToolInfo project_root=3:str text_document_encoding=4:int",
        "ToolInfo": "name=1:str version=2:str arguments*=3:str",
        "DocumentPath": "relative_path=1:str",  # a Document, of which only the path is read
        "Document": (
            "relative_path=1:str occurrences*=2:Occurrence symbols*=3:SymbolInformation language=4:str text=5:str"
            " position_encoding=6:int"
        ),
        "Occurrence": (
            "range*=1:int symbol=2:str symbol_roles=3:int override_documentation*=4:str syntax_kind=5:int"
            " diagnostics*=6:Diagnostic enclosing_range*=7:int single_line_range=8:Range multi_line_range=9:Range"
            " single_line_enclosing_range=10:Range multi_line_enclosing_range=11:Range"
        ),
        "Range": "first=1:int second=2:int third=3:int fourth=4:int",
        "Diagnostic": "severity=1:int code=2:str message=3:str source=4:str tags*=5:int",
        "SymbolInformation": (
            "symbol=1:str documentation*=3:str relationships*=4:Relationship kind=5:int display_name=6:str"
            " signature_documentation=7:Signature enclosing_symbol=8:str"
        ),
        "Signature": "language=4:str text=5:str",  # a Document too
        "Relationship": (
            "symbol=1:str is_reference=2:bool is_implementation=3:bool is_type_definition=4:bool is_definition=5:bool"
        ),
    }
)


class ScipError(DataError):
    """A file that is not a SCIP index, or an incomplete one."""

    code = "invalid_scip"


def parse(name: str, data: bytes, offset: int) -> Message:
    """The message ``name`` in ``data``, which begins at byte ``offset`` of the file. Raises ScipError."""
    try:
        return _CLASSES[name].FromString(data)
    except DecodeError as error:
        raise ScipError(f"the SCIP index has no valid {name} message at byte {offset}: {error}") from None


_CLASSES = message_classes("scip", _MESSAGES)
