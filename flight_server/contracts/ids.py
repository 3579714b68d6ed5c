"""Ids: printable, equal on every machine, run and interpreter, unique by construction; and which part a file is in.

What another file may refer to never contains an offset, so an edit leaves the ids in other files valid.
"""

from hashlib import blake2b

FILES_PER_PART = 64


def file_id(repo: str, path: str) -> str:
    """``file:`` and 16 hex digits of blake2b over the repo's name and the path (repo-relative, with ``/``)."""
    return "file:" + blake2b(f"{repo}\0{path}".encode(errors="surrogatepass"), digest_size=8).hexdigest()


def part_of(key: str, parts: int) -> int:
    """The part, of ``parts`` = 2^k, that a path falls into: the last k bits of its blake2b.

    Doubling ``parts`` splits each part p in two: p and p + the old number of parts.
    """
    digest = blake2b(key.encode(errors="surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "big") & (parts - 1)


def parts_for(files: int) -> int:
    """The number of parts for a repo of so many files: a power of two, about FILES_PER_PART files each."""
    parts = 1
    while parts * FILES_PER_PART < files:
        parts *= 2
    return parts
