"""The qualified names of classes in the ids of types, for annotations and for the objects that points-to finds."""

import pyarrow as pa
import pyarrow.compute as pc

from flight_client.contracts.ids import FILE_ID_LENGTH

NONE = "builtins.NoneType"
_FILE = slice(len("def:"), len("def:") + FILE_ID_LENGTH)
_NOT_PATH = r"^def:[^:]+:|#\d+$"


def definition_names(ids: pa.ChunkedArray, files: pa.Table) -> pa.ChunkedArray:
    """The qualified names of definitions, by their ids; ``files`` has file_id, path and module.

    Two definitions of one name in a module, such as those in two branches of an ``if``, have the same qualified name.
    """
    module = module_of(pc.utf8_slice_codeunits(ids, _FILE.start, _FILE.stop), files)
    return pc.binary_join_element_wise(module, pc.replace_substring_regex(ids, _NOT_PATH, ""), ".")


def module_of(file_ids: pa.ChunkedArray, files: pa.Table) -> pa.ChunkedArray:
    """The names of the files' modules; a file that is not a module is named by its path."""
    at = pc.index_in(file_ids, files.column("file_id").combine_chunks())
    return pc.coalesce(files.column("module"), files.column("path")).take(at)
