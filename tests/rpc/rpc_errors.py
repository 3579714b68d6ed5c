"""The contents of an error: a code and a message, nothing of the server's insides."""

import json
import os

from rpc_server import code_of

LEAKS = ("Traceback", 'File "', ".py:", "site-packages", "flight_server/", os.sep + "tmp", "pytest")


def assert_clean(error, code):
    shown = str(error).partition("gRPC client debug context")[0].partition("Client context")[0]
    assert code_of(error) == code
    extra = json.loads(error.extra_info)
    assert set(extra) == {"code", "message"}
    assert extra["message"].isprintable()
    for leak in LEAKS:
        assert leak not in shown
        assert leak not in extra["message"]
