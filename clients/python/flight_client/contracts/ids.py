"""Ids: printable, equal on every machine, run and interpreter, unique by construction; and which part a file is in.

What another file may refer to never contains an offset, so an edit leaves the ids in other files valid.
"""

import re
from base64 import b32decode, b32encode
from hashlib import blake2b

FILES_PER_PART = 64

FILE_ID_LENGTH = 13
_FILE_ID = re.compile("[a-z2-7]{12}[acegikmoqsuwy246]")  # 65 bits, the last of which is 0
_HEX_FILE_ID = re.compile("(?:file:)?([0-9a-f]{16})")  # as older snapshots have them


def file_id(repo: str, path: str) -> str:
    """64 bits of blake2b over the repo's name and the path (repo-relative, with ``/``), as 13 characters of base32.

    The letters are lower-case, and there is no padding.
    """
    return b32encode(_hash(f"{repo}\0{path}")).decode()[:FILE_ID_LENGTH].lower()


def part_of(file: str, parts: int) -> int:
    """The part, of ``parts`` = 2^k, that a file id falls into: the last k of its bits (of its blake2b if it is no id).

    Doubling ``parts`` splits each part p in two: p and p + the old number of parts.
    """
    if _FILE_ID.fullmatch(file):
        bits = b32decode(f"{file.upper()}===")
    elif older := _HEX_FILE_ID.fullmatch(file):
        bits = bytes.fromhex(older[1])
    else:
        bits = _hash(file)
    return int.from_bytes(bits) & (parts - 1)


def part_of_path(repo: str, path: str, parts: int) -> int:
    """The part that a path of a repo falls into: that of its file id, so tables by path and by file are cut alike."""
    return part_of(file_id(repo, path), parts)


def parts_for(files: int) -> int:
    """The number of parts for a repo of so many files: a power of two, about FILES_PER_PART files each."""
    parts = 1
    while parts * FILES_PER_PART < files:
        parts *= 2
    return parts


def _hash(text: str) -> bytes:
    return blake2b(text.encode(errors="surrogatepass"), digest_size=8).digest()
