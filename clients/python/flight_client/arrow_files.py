"""A dataset's endpoints as Arrow IPC files, for pyarrow's own code, which can't call the methods of a FlightDataset.

``Scanner.from_dataset``, a union with other datasets, and a join from another dataset read a dataset in C++. They find
a file for each endpoint, whose path is the ticket; a file that is opened is fetched whole, with all columns.
"""

import json
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NoReturn

import pyarrow as pa
import pyarrow.dataset as ds
from pyarrow import fs

from flight_client.client_errors import FlightClientError
from flight_client.tickets import Ticket

if TYPE_CHECKING:

    class _Handler:
        """A base class for the type checker: pyarrow has no type stubs, and an untyped base class is refused."""

else:
    _Handler = fs.FileSystemHandler

FORMAT = ds.IpcFileFormat()


def files_of(tickets: Sequence[Ticket], rows: Callable[[Ticket], pa.Table]) -> list[ds.Fragment]:
    """A file for each ticket; ``rows`` fetches what a ticket names."""
    files = fs.PyFileSystem(EndpointFiles(rows))
    return [FORMAT.make_fragment(json.dumps(dict(ticket)), files) for ticket in tickets]


class EndpointFiles(_Handler):
    """A read-only file system in which the paths are tickets."""

    def __init__(self, rows: Callable[[Ticket], pa.Table]) -> None:
        self._rows = rows

    def __eq__(self, other: object) -> bool:
        return self is other

    def __ne__(self, other: object) -> bool:
        return self is not other

    __hash__ = object.__hash__

    def get_type_name(self) -> str:
        """The name of this kind of file system."""
        return "flight"

    def normalize_path(self, path: str) -> str:
        """The path as it is."""
        return path

    def get_file_info(self, paths: Sequence[str]) -> list[fs.FileInfo]:
        """Every path is a file."""
        return [fs.FileInfo(path, fs.FileType.File) for path in paths]

    def get_file_info_selector(self, _selector: fs.FileSelector) -> list[fs.FileInfo]:
        """There are no folders."""
        return []

    def open_input_file(self, path: str) -> pa.NativeFile:
        """The rows of a ticket as an Arrow IPC file in memory."""
        rows = self._rows(json.loads(path))
        sink = pa.BufferOutputStream()
        options = pa.ipc.IpcWriteOptions(unify_dictionaries=True)  # a file has one dictionary for each column
        with pa.ipc.new_file(sink, rows.schema, options=options) as writer:
            writer.write_table(rows)
        return pa.PythonFile(pa.BufferReader(sink.getvalue()), mode="r")

    open_input_stream = open_input_file

    def _refuse(self, *_: object, **__: object) -> NoReturn:
        raise FlightClientError("unsupported", "the files of a FlightDataset can only be read")

    create_dir = delete_dir = delete_dir_contents = delete_root_dir_contents = delete_file = _refuse
    move = copy_file = open_output_stream = open_append_stream = _refuse
