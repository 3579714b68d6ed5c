"""From files to record batches: the same rows in the same order and batches for any number of processes."""

from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import groupby

import pyarrow as pa

from flight_client.contracts.ids import part_of_path
from flight_client.extract.chunk import Chunk, extract_chunk
from flight_client.extract.layers import DEFAULT_LAYERS, known_layers
from flight_client.extract.source_files import SourceFile
from flight_client.extract.workers import Batches, run_chunks

CHUNK_BYTES = 1 << 20
CHUNK_FILES = 64
BATCH_ROWS = 1 << 16
SMALL_BYTES = 1 << 19  # less than starting a worker is worth


def extract(
    files: Sequence[SourceFile],
    *,
    repo: str,
    parts: int,
    jobs: int,
    progress: Callable[[int], None] | None = None,
    layers: Sequence[str] = DEFAULT_LAYERS,
) -> Generator[tuple[str, pa.RecordBatch], None, None]:
    """Yield (table name, batch) for the tables of ``layers``, under SCHEMAS; tables without rows are left out.

    Files come in the order of (part, path), ``parts`` being a power of two; a file's rows are in source order. A batch
    holds rows of one part and at most BATCH_ROWS of them. With ``jobs`` > 1 and enough to do, that many processes work,
    and memory is bounded by a few chunks each (a chunk: 64 files or 1 MiB of source, or one larger file). ``progress``
    is called with the number of files just finished. Closing the iterator ends the processes. Raises
    UnknownLayerError and MissingExtraError.
    """
    empty = Chunk(repo=repo, files=(), layers=known_layers(layers))
    chunks = _chunks(files, parts, empty)
    is_small = sum(file.size for file in files) < SMALL_BYTES
    done = _run_here(chunks) if jobs <= 1 or is_small else run_chunks(chunks, jobs)
    try:
        for chunk, results in done:
            for batches in results:
                yield from _cut(chunk.tables, batches)
            if progress is not None:
                progress(len(chunk.files))
    finally:
        done.close()


def _run_here(chunks: Iterable[Chunk]) -> Generator[tuple[Chunk, list[Batches]], None, None]:
    for chunk in chunks:
        yield chunk, [list(extract_chunk(chunk))]


def _cut(tables: Sequence[str], batches: Batches) -> Iterator[tuple[str, pa.RecordBatch]]:
    for name, batch in zip(tables, batches, strict=True):
        for offset in range(0, batch.num_rows, BATCH_ROWS):
            yield name, batch.slice(offset, BATCH_ROWS)


def _chunks(files: Sequence[SourceFile], parts: int, empty: Chunk) -> Iterator[Chunk]:
    placed = sorted((part_of_path(empty.repo, file.path, parts), file.path, file) for file in files)
    for _, of_part in groupby(placed, key=lambda placed: placed[0]):
        chosen: list[SourceFile] = []
        size = 0
        for _, _, file in of_part:
            if chosen and (size + file.size > CHUNK_BYTES or len(chosen) == CHUNK_FILES):
                yield replace(empty, files=tuple(chosen))
                chosen, size = [], 0
            chosen.append(file)
            size += file.size
        yield replace(empty, files=tuple(chosen))
