"""Extracts files into record batches. Rows, order and batches don't depend on the number of processes."""

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
SMALL_BYTES = 1 << 19  # below this, extracting takes less time than starting a worker


def extract(
    files: Sequence[SourceFile],
    *,
    repo: str,
    parts: int,
    jobs: int,
    progress: Callable[[int], None] | None = None,
    layers: Sequence[str] = DEFAULT_LAYERS,
    python: str | None = None,
) -> Generator[tuple[str, pa.RecordBatch], None, None]:
    """Yield (table name, batch) for the tables of ``layers``, under SCHEMAS; tables without rows are left out.

    Files come in the order of (part, path), where ``parts`` is a power of two; a file's rows are in source order. A
    batch has at most BATCH_ROWS rows, all of one part. ``jobs`` is the number of worker processes; with 1, or for few
    files, no worker is started. Each worker has a few chunks in memory (a chunk: 64 files or 1 MiB of source, or one
    larger file). ``progress`` is called with the number of files just finished. The interpreter ``python`` parses the
    files that the running one can't. Closing the iterator ends the workers. Raises UnknownLayerError and
    MissingExtraError.
    """
    empty = Chunk(repo=repo, files=(), layers=known_layers(layers), python=python)
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
