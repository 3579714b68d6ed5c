"""The exit of a command: its error message and its exit code.

0: success. 2: a user error, with one line on stderr. 130: interrupted before the work was done.
"""

import sys

import click

from arrowdsl.errors import DataError

USER_ERROR, INTERRUPTED = 2, 130
EXPECTED = (click.ClickException, click.Abort, DataError, OSError, KeyboardInterrupt)


def report(error: BaseException) -> int:
    """Write the message of an EXPECTED error to stderr, and return its exit code."""
    match error:
        case click.exceptions.NoArgsIsHelpError():
            click.echo(error.format_message(), err=True)
            return USER_ERROR
        case click.ClickException():
            message = error.format_message()
        case DataError():
            message = error.message
        case click.Abort() | KeyboardInterrupt():
            return INTERRUPTED
        case _:  # a path that the system refuses: too long, in a folder that may not be read
            message = str(error)
    click.echo(f"error: {' '.join(message.split())}", err=True)
    sys.stderr.flush()
    return USER_ERROR
