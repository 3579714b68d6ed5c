"""The log of calls: one line for each call when it ends, of at most 1 KiB. A slow call is a warning."""

import logging
from datetime import UTC, datetime
from typing import Any

from flight_server.serving.failures import INTERNAL_CODES, printable
from flight_server.serving.running_calls import RunningCall
from flight_server.serving.sql_request import asked_to_json
from flight_server.serving.wire_json import json_bytes

LOG = logging.getLogger("flight_server.calls")
LINE_BYTES = 1000  # with the time that a formatter writes before it, below 1 KiB
WORD_CHARACTERS = 100


def log_call(call: RunningCall, slow_seconds: float | None = None) -> None:
    """Log a call that has ended; as a warning if it took ``slow_seconds`` or longer."""
    is_slow = slow_seconds is not None and call.seconds >= slow_seconds
    level = logging.WARNING if is_slow or call.outcome in INTERNAL_CODES else logging.INFO
    if LOG.isEnabledFor(level):
        fields = call_fields(call) | ({"slow": True} if is_slow else {})
        LOG.log(level, "%s", _line(fields), extra={"fields": fields})


def call_fields(call: RunningCall) -> dict[str, Any]:
    """What the log says of a call, by name; text from clients is escaped, and cut so that the whole fits a line."""
    fields = {
        "method": call.method,
        "request_id": call.request_id,
        "identity": printable(call.identity.name, WORD_CHARACTERS),
        "peer": call.peer,
        "repo": printable(call.repo, WORD_CHARACTERS),
        "dataset": printable(call.dataset, WORD_CHARACTERS),
        "rows": call.rows,
        "bytes": call.bytes,
        "seconds": round(call.seconds or call.age, 4),
        "outcome": call.outcome,
    }
    asked = "" if call.asked is None else json_bytes(asked_to_json(call.asked)).decode()
    room = LINE_BYTES - len(json_bytes(fields))
    # a quote takes two bytes in JSON
    return {**fields, "asked": asked if 2 * len(asked.encode()) < room else printable(asked, room // 2 - 20) + "…"}


def _line(fields: dict[str, Any]) -> str:
    target = "/".join(filter(None, (fields["repo"], fields["dataset"])))
    words = ("slow:" if "slow" in fields else "", fields["method"], target)
    counts = "{rows} rows, {bytes} bytes in {seconds:.3f} s, {outcome}".format(**fields)
    caller = f"{fields['identity'] or 'anonymous'} from {fields['peer']}, request {fields['request_id']}"
    return f"{' '.join(filter(None, words))}: {counts}; {caller} {fields['asked']}".rstrip()


class JsonLines(logging.Formatter):
    """Formats each record as a JSON object on a line: time, level, message, and the fields of a call."""

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        fields: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
        }
        call = getattr(record, "fields", None)
        fields |= {"message": record.getMessage()} if call is None else call
        if record.exc_info:
            fields["traceback"] = self.formatException(record.exc_info)
        return json_bytes(fields).decode()
