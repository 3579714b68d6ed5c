"""Source code to raw tables, for any Python source that the running interpreter can parse.

``scan`` lists the files of a folder. ``extract`` reads, decodes and parses each of them once, walks its ``ast`` once,
and yields record batches of ``repo_files`` and the tables of the chosen layers: ``cst_*``, ``ast_*``, ``sym_*`` and so
on (columns: ``flight_client.contracts.raw``). Spans are byte offsets into the UTF-8 of the decoded text, which
``repo_files`` has without a byte order mark.
"""

from importlib.util import find_spec

if find_spec("numpy") is None:  # before the imports that need it, which would not say what to install
    raise ModuleNotFoundError("extraction needs numpy: pip install 'flight-client[ingest]'", name="numpy")

from flight_client.extract.extract import extract
from flight_client.extract.layers import DEFAULT_LAYERS, LAYERS, MissingExtraError, UnknownLayerError
from flight_client.extract.raw_rows import EXTRACTED, EXTRACTOR_VERSION
from flight_client.extract.source_files import BadGlobError, NoSourceFilesError, NotAFolderError, SourceFile, scan

__all__ = [
    "DEFAULT_LAYERS",
    "EXTRACTED",
    "EXTRACTOR_VERSION",
    "LAYERS",
    "BadGlobError",
    "MissingExtraError",
    "NoSourceFilesError",
    "NotAFolderError",
    "SourceFile",
    "UnknownLayerError",
    "extract",
    "scan",
]
