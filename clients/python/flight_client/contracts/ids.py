"""Ids: printable, equal on every machine, run and interpreter, unique by construction; and which part a file is in.

What another file may refer to never contains an offset, so an edit leaves the ids in other files valid.
"""

import re
from hashlib import blake2b

FILES_PER_PART = 64

_FILE_ID = re.compile("(?:file:)?([0-9a-f]{16})")  # in older snapshots they begin with ``file:``


def file_id(repo: str, path: str) -> str:
    """16 hex digits of blake2b over the repo's name and the path (repo-relative, with ``/``)."""
    return blake2b(f"{repo}\0{path}".encode(errors="surrogatepass"), digest_size=8).hexdigest()


def part_of(file: str, parts: int) -> int:
    """The part, of ``parts`` = 2^k, that a file id falls into: the last k bits of it (of its blake2b if it is no id).

    Doubling ``parts`` splits each part p in two: p and p + the old number of parts.
    """
    known = _FILE_ID.fullmatch(file)
    digits = known[1] if known else blake2b(file.encode(errors="surrogatepass"), digest_size=8).hexdigest()
    return int(digits, 16) & (parts - 1)


def part_of_path(repo: str, path: str, parts: int) -> int:
    """The part that a path of a repo falls into: that of its file id, so tables by path and by file are cut alike."""
    return part_of(file_id(repo, path), parts)


def parts_for(files: int) -> int:
    """The number of parts for a repo of so many files: a power of two, about FILES_PER_PART files each."""
    parts = 1
    while parts * FILES_PER_PART < files:
        parts *= 2
    return parts
