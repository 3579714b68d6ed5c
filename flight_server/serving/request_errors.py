"""Errors in a request."""

from arrowdsl.errors import DataError


class BadRequestError(DataError):
    """A malformed request: JSON that can't be parsed, an unknown key, a value of the wrong type."""

    code = "bad_request"


class BadStreamError(DataError):
    """A client's stream of record batches that can't be decoded."""

    code = "bad_stream"


class TooManyKeysError(DataError):
    """A lookup whose distinct keys take more memory than a lookup may use."""

    code = "too_many_keys"


class UnknownDatasetError(DataError):
    """A dataset that the pipeline does not have."""

    code = "unknown_dataset"


class TooLargeError(DataError):
    """An output that is computed from a whole repo at once, and needs more memory than the machine has."""

    code = "too_large"


class OutdatedTablesError(DataError):
    """Stored tables were put by another version, whose rows do not fit the contracts of this one."""

    code = "outdated_tables"
