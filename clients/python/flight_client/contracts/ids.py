"""Ids of files and the parts of a table. Ids are printable, and equal on every machine, run and interpreter.

An id that other files may refer to never contains an offset, so an edit leaves the rows of other files valid.
"""

import re
from base64 import b32decode, b32encode
from hashlib import blake2b

FILES_PER_PART = 64

FILE_ID_LENGTH = 13
_FILE_ID = re.compile("[a-z2-7]{12}[acegikmoqsuwy246]")  # 65 bits, the last of which is 0
_HEX_FILE_ID = re.compile("(?:file:)?([0-9a-f]{16})")  # in older snapshots


def file_id(repo: str, path: str) -> str:
    """64 bits of blake2b over the repo's name and the path (repo-relative, with ``/``), as 13 characters of base32.

    The letters are lower-case, and there is no padding.
    """
    return b32encode(_hash(f"{repo}\0{path}")).decode()[:FILE_ID_LENGTH].lower()


def part_of(file: str, parts: int) -> int:
    """The part of a file id, of ``parts`` = 2^k parts: the last k bits of the id (of its blake2b if it is not an id).

    Doubling ``parts`` splits each part p into p and p + the old number of parts.
    """
    if _FILE_ID.fullmatch(file):
        bits = b32decode(f"{file.upper()}===")
    elif older := _HEX_FILE_ID.fullmatch(file):
        bits = bytes.fromhex(older[1])
    else:
        bits = _hash(file)
    return int.from_bytes(bits) & (parts - 1)


def part_of_path(repo: str, path: str, parts: int) -> int:
    """The part of a path in a repo. It is that of the file id, so tables by path and by file have equal parts."""
    return part_of(file_id(repo, path), parts)


def parts_for(files: int) -> int:
    """The number of parts for a repo with ``files`` files: a power of two, with about FILES_PER_PART files each."""
    parts = 1
    while parts * FILES_PER_PART < files:
        parts *= 2
    return parts


def _hash(text: str) -> bytes:
    return blake2b(text.encode(errors="surrogatepass"), digest_size=8).digest()
