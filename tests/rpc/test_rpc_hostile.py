"""Bad requests: each a clear error with a stable code, wherever it comes in; the server goes on."""

import json
import re

import pyarrow as pa
import pytest
from pyarrow import flight
from rpc_errors import assert_clean
from rpc_server import path

DEEP = b'{"op":"not","args":[' * 40 + b'{"op":"isNull","args":[{"property":"path"}]}' + b"]}" * 40


def seeded(**keys):
    return json.dumps({"repo": "seeded", "dataset": "cst_name_refs", **keys}).encode()


def where(operator, *args):
    return {"where": {"op": operator, "args": list(args)}}


START, NAME = {"property": "bstart"}, {"property": "name"}
BAD_TICKETS = {
    "unknown repo": (b'{"repo": "nope", "dataset": "cst_defs"}', "unknown_repo"),
    "unknown dataset": (seeded(dataset="nope"), "unknown_dataset"),
    "unknown column": (seeded(columns=["path", "nope"]), "unknown_column"),
    "unknown column in where": (seeded(**where("=", {"property": "nope"}, 1)), "unknown_column"),
    "unknown snapshot": (seeded(snapshot=99), "unknown_snapshot"),
    "huge snapshot": (seeded(snapshot=2**63 - 1), "unknown_snapshot"),
    "part that is not": (seeded(parts=[4]), "bad_request"),
    "empty": (b"", "bad_request"),
    "not JSON": (b"{repo: seeded}", "bad_request"),
    "cut off": (seeded()[:-1], "bad_request"),
    "not UTF-8": (b'{"repo": "\xff", "dataset": "cst_defs"}', "bad_request"),
    "UTF-16": (seeded().decode().encode("utf-16"), "bad_request"),
    "array": (b"[]", "bad_request"),
    "null": (b"null", "bad_request"),
    "binary": (bytes(range(256)), "bad_request"),
    "no dataset": (b'{"repo": "seeded"}', "bad_request"),
    "unknown key": (seeded(colums=["path"]), "bad_request"),
    "key twice": (b'{"repo": "seeded", "repo": "seeded", "dataset": "cst_defs"}', "bad_request"),
    "repo of another type": (b'{"repo": 1, "dataset": "cst_defs"}', "bad_request"),
    "dataset null": (b'{"repo": "seeded", "dataset": null}', "bad_request"),
    "columns no list": (seeded(columns="path"), "bad_request"),
    "columns empty": (seeded(columns=[]), "bad_request"),
    "columns of numbers": (seeded(columns=[1]), "bad_request"),
    "column twice": (seeded(columns=["path", "path"]), "bad_request"),
    "limit negative": (seeded(limit=-1), "bad_request"),
    "limit float": (seeded(limit=1.0), "bad_request"),
    "limit bool": (seeded(limit=True), "bad_request"),
    "limit huge": (seeded(limit=2**63), "bad_request"),
    "limit of 5000 digits": (
        b'{"repo": "seeded", "dataset": "cst_defs", "limit": ' + b"9" * 5000 + b"}",
        "bad_request",
    ),
    "limit NaN": (b'{"repo": "seeded", "dataset": "cst_defs", "limit": NaN}', "bad_request"),
    "order": (seeded(order="random"), "bad_request"),
    "parts": (seeded(parts=["0"]), "bad_request"),
    "kinds": (seeded(kinds=["X"]), "bad_request"),
    "where text": (seeded(where="bstart = "), "invalid_filter"),
    "where empty": (seeded(where={}), "invalid_filter"),
    "where operator": (seeded(**where("drop", START, 1)), "invalid_filter"),
    "where too few": (seeded(**where("=", START)), "invalid_filter"),
    "where type": (seeded(**where("=", START, "one")), "invalid_filter"),
    "where type of text": (seeded(**where("<", NAME, 5)), "invalid_filter"),
    "where huge number": (seeded(**where("=", START, 10**400)), "invalid_filter"),
    "where beyond the column": (seeded(**where("=", START, 2**64)), "invalid_filter"),
    "where NaN": (
        seeded().replace(b"}", b', "where": {"op": "=", "args": [{"property": "bstart"}, NaN]}}'),
        "bad_request",
    ),
    "where infinite": (seeded(**where("=", START, "")).replace(b'""', b"1e999"), "invalid_filter"),
    "where deep": (seeded(where=1).replace(b"1}", DEEP + b"}"), "invalid_filter"),
    "nested without end": (b"[" * 100_000, "bad_request"),
    "nested a little too deep": (b"[" * 257 + b"]" * 257, "bad_request"),
    "brackets in a text": (seeded(columns=["[{" * 1000]), "unknown_column"),
    "where nested without end": (seeded(where=1).replace(b"1}", b'{"op":"not","args":[' * 100_000), "bad_request"),
    "where of many terms": (
        seeded(**where("or", *[where("=", START, n)["where"] for n in range(20_000)])),
        "invalid_filter",
    ),
    "path traversal": (b'{"repo": "../seeded", "dataset": "cst_defs"}', "invalid_name"),
    "hidden name": (b'{"repo": ".seeded", "dataset": "cst_defs"}', "invalid_name"),
    "empty name": (b'{"repo": "", "dataset": "cst_defs"}', "invalid_name"),
    "NUL in the repo": (b'{"repo": "see\\u0000ded", "dataset": "cst_defs"}', "invalid_name"),
    "newline after the repo": (b'{"repo": "seeded\\n", "dataset": "cst_defs"}', "invalid_name"),
    "long repo": (json.dumps({"repo": "r" * 101, "dataset": "cst_defs"}).encode(), "invalid_name"),
    "NUL in the dataset": (seeded(dataset="cst_defs\0"), "unknown_dataset"),
    "traversal in the dataset": (seeded(dataset="../../cst_defs"), "unknown_dataset"),
    "lone surrogate": (seeded(columns=["\ud800"]), "bad_request"),
    "lone surrogate in where": (seeded(**where("=", NAME, "\ud800")), "bad_request"),
    "long names of wide characters": (seeded(columns=["語" * 9999]), "unknown_column"),
    "long names of control characters": (seeded(columns=["\x1b\x01\n" * 9999]), "unknown_column"),
    "long dataset of wide characters": (seeded(dataset="\U0001f600" * 99_999), "unknown_dataset"),
}


@pytest.mark.parametrize("case", BAD_TICKETS)
def test_a_bad_request_has_a_code_wherever_it_comes_in(unharmed, case):
    asked, code = BAD_TICKETS[case]
    descriptor = flight.FlightDescriptor.for_command(asked)
    calls = (
        lambda: unharmed.flight.do_get(flight.Ticket(asked)).read_all(),
        lambda: unharmed.flight.get_flight_info(descriptor),
        lambda: unharmed.act("explain", asked),
    )
    for call in calls:
        with pytest.raises(flight.FlightServerError) as caught:
            call()
        assert_clean(caught.value, code)


@pytest.mark.parametrize("case", ["unknown repo", "not JSON", "where deep", "unknown column"])
def test_get_schema_names_no_file_of_the_server(unharmed, case):
    with pytest.raises(pa.ArrowException) as caught:
        unharmed.flight.get_schema(flight.FlightDescriptor.for_command(BAD_TICKETS[case][0]))
    assert set(re.findall('File "(.*?)"', str(caught.value))) == {"pyarrow/_flight.pyx", "flight_server"}


@pytest.mark.parametrize("names", [(), ("seeded",), ("seeded", "cst_defs", "x"), ("", "")])
def test_a_path_of_another_length_is_refused(unharmed, names):
    with pytest.raises(flight.FlightServerError) as caught:
        unharmed.flight.get_flight_info(path(*names))
    assert_clean(caught.value, "invalid_name" if names == ("", "") else "bad_request")


@pytest.mark.parametrize(
    ("action", "body", "code"),
    [
        ("nope", b"", "unknown_action"),
        ("begin", b"", "bad_request"),
        ("begin", b'{"repo": "../x"}', "invalid_name"),
        ("begin", b'{"repo": "x", "files": -1}', "bad_request"),
        ("begin", b'{"repo": "x", "files": 1e3}', "bad_request"),
        ("begin", b'{"repo": "x", "files": 99999999999999999999}', "bad_request"),
        ("begin", b'{"repo": "x", "mode": "y"}', "bad_request"),
        ("commit", b'{"txn": "../x"}', "unknown_transaction"),
        ("commit", b'{"txn": "x", "rows": []}', "bad_request"),
        ("commit", b'{"txn": ""}', "unknown_transaction"),
        ("commit", b"{}", "bad_request"),
        ("abort", b'{"txn": 7}', "bad_request"),
        ("abort", b'{"txn": "\\u0000"}', "unknown_transaction"),
        ("snapshots", b'{"repo": "nope"}', "unknown_repo"),
        ("snapshots", b"[]", "bad_request"),
        ("drop", b'{"repo": "nope"}', "unknown_repo"),
        ("drop", b'{"repo": ".."}', "invalid_name"),
        ("drop", b"{}", "bad_request"),
        ("stats", b'{"repo": "nope"}', "unknown_repo"),
        ("stats", b'{"repo": ["seeded"]}', "bad_request"),
        ("healthcheck", b'{"deep": true}', "bad_request"),
        ("explain", b"", "bad_request"),
        ("CancelFlightInfo", b"", "bad_request"),
        ("CancelFlightInfo", b"{}", "bad_request"),
        ("CancelFlightInfo", b"\x0a", "bad_request"),
        ("CancelFlightInfo", b"\x0a\x05abcde", "bad_request"),
        ("CancelFlightInfo", b"\x0a" + b"\xff" * 99, "bad_request"),
        ("CancelFlightInfo", bytes(range(255, -1, -1)), "bad_request"),
    ],
)
def test_a_bad_action_has_a_code(unharmed, action, body, code):
    with pytest.raises(flight.FlightServerError) as caught:
        unharmed.act(action, body)
    assert_clean(caught.value, code)


@pytest.mark.parametrize(
    ("criteria", "code"),
    [
        (b"{", "bad_request"),
        (b'{"name": "x"}', "bad_request"),
        (b'{"repo": 1}', "bad_request"),
        (b'{"kind": "other"}', "bad_request"),
        (b'{"layer": "other"}', "bad_request"),
        (b'{"repo": "nope"}', "unknown_repo"),
        (b'{"repo": "../x"}', "invalid_name"),
    ],
)
def test_bad_criteria_have_a_code(unharmed, criteria, code):
    with pytest.raises(flight.FlightServerError) as caught:
        list(unharmed.flight.list_flights(criteria))
    assert_clean(caught.value, code)
