"""Where a server's log goes: to stderr, which is quiet unless something needs attention, and to a file."""

import logging
from dataclasses import dataclass
from logging.handlers import WatchedFileHandler
from pathlib import Path

import click

from flight_server.cli.session import grouped, options
from flight_server.serving.call_log import JsonLines

LOG_FORMATS = ("text", "json")


@dataclass(frozen=True)
class LogOutput:
    """What is logged on stderr, in which format, and the file that gets each call."""

    verbose: bool
    quiet: bool
    log_format: str
    log_file: Path | None

    def start(self) -> None:
        """Write the log of this server from now on, without the logs of libraries."""
        log = logging.getLogger("flight_server")
        level = logging.INFO if self.verbose else logging.ERROR if self.quiet else logging.WARNING
        outputs: list[tuple[logging.Handler, int]] = [(logging.StreamHandler(), level)]
        if self.log_file is not None:
            # follows a file that is renamed, as logrotate does
            outputs.append((WatchedFileHandler(self.log_file, encoding="utf-8"), logging.INFO))
        for handler, least in outputs:
            handler.setLevel(least)
            is_json = self.log_format == "json"
            handler.setFormatter(JsonLines() if is_json else logging.Formatter("%(asctime)s %(message)s"))
            log.addHandler(handler)
        log.setLevel(min(least for _, least in outputs))


LOG_OPTIONS = options(
    click.option("-v", "--verbose", is_flag=True, help="Log each call to stderr."),
    click.option("--quiet", is_flag=True, help="Log errors only, no warnings."),
    click.option("--log-format", type=click.Choice(LOG_FORMATS), default="text", show_default=True),
    click.option(
        "--log-file",
        type=click.Path(path_type=Path, dir_okay=False),
        help="Log each call to this file too, a line each of at most 1 KiB.",
    ),
)
# Adds the options to a command, which gets them as a LogOutput in its argument ``log``.
with_log = grouped("log", LogOutput, LOG_OPTIONS)
