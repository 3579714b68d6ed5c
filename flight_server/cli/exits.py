"""How a command ends: what is said of an error, and the exit code.

0 done, 2 the user's error (one line on stderr), 130 interrupted before the work was done.
"""

import sys

import click

from arrowdsl.errors import DataError
from flight_client.errors import FlightClientError

USER_ERROR, INTERRUPTED = 2, 130
EXPECTED = (click.ClickException, click.Abort, DataError, FlightClientError, OSError, KeyboardInterrupt)


def report(error: BaseException) -> int:
    """Say on stderr what an error of EXPECTED means, and give the exit code for it."""
    match error:
        case click.exceptions.NoArgsIsHelpError():
            click.echo(error.format_message(), err=True)
            return USER_ERROR
        case click.ClickException():
            message = error.format_message()
        case DataError() | FlightClientError():
            message = error.message
        case click.Abort() | KeyboardInterrupt():
            return INTERRUPTED
        case _:  # a path that the system refuses: too long, in a folder that may not be read
            message = str(error)
    click.echo(f"error: {' '.join(message.split())}", err=True)
    sys.stderr.flush()
    return USER_ERROR
