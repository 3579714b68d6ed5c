"""The store's errors. Messages name repos, tables and parts, never a path of the machine."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import pyarrow as pa

from arrowdsl.errors import DataError


class InvalidNameError(DataError):
    """A text that is not a valid name of a repo or table."""

    code = "invalid_name"


class NotAllowedError(DataError):
    """An argument outside the allowed values: an unknown mode, too many files, files of a table that has none."""

    code = "bad_request"


class UnknownRepoError(DataError):
    """A repo that has no snapshot."""

    code = "unknown_repo"


class UnknownSnapshotError(DataError):
    """A snapshot that never existed, or is retired."""

    code = "unknown_snapshot"


class SnapshotGoneError(DataError):
    """A snapshot whose files were deleted while it was read: its repo was dropped, or its grace period is over."""

    code = "snapshot_gone"


class UnknownTransactionError(DataError):
    """A transaction that has ended, has expired or never existed."""

    code = "unknown_transaction"


class ConflictError(DataError):
    """Another commit changed the same part of the same table, or another put of the table is running."""

    code = "conflict"


class RowCountError(DataError):
    """A commit whose expected row counts differ from the rows put: a put was interrupted, or is missing."""

    code = "row_count_mismatch"


class MalformedDataError(DataError):
    """Arrow data that is not valid Arrow: offsets out of bounds, text that is not UTF-8."""

    code = "malformed_data"


class StoreCorruptError(DataError):
    """Stored bytes that differ from those written."""

    code = "store_corrupt"


class StoreVersionError(DataError):
    """A store that a newer version of this program wrote."""

    code = "store_version"


class StorageError(DataError):
    """The machine refused an access: the disk is full, read-only or failing, permission or file descriptors lack."""

    code = "storage_error"


class OutcomeUnknownError(DataError):
    """A commit that may or may not survive a power cut; committing the same transaction again settles it."""

    code = "outcome_unknown"


@contextmanager
def writing(subject: str) -> Iterator[None]:
    """Turn an OSError in code that writes ``subject`` into StorageError; pyarrow raises some without ``errno``."""
    try:
        yield
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else "the disk refused the write"
        raise StorageError(f"{subject} could not be written: {reason}") from error


@contextmanager
def reading(subject: str) -> Iterator[None]:
    """In code that scans a snapshot, raise StoreCorruptError for damaged files and SnapshotGoneError for deleted ones.

    An OSError with an ``errno`` comes from the operating system (no file descriptor is free, the disk fails), so it
    says nothing about the bytes: StorageError. Pyarrow reports damage as an OSError without ``errno`` (a failed page
    checksum, a compressed page that does not decode) or as ArrowInvalid.
    """
    try:
        yield
    except FileNotFoundError as error:
        message = f"{subject}: its files are gone; the repo was dropped or the snapshot retired"
        raise SnapshotGoneError(message) from error
    except (OSError, pa.ArrowInvalid) as error:
        number = getattr(error, "errno", None)
        if number is not None:
            raise StorageError(f"{subject} could not be read: {os.strerror(number)}") from error
        raise StoreCorruptError(f"{subject} is damaged: its stored bytes don't match their checksums") from error
