"""What random inputs found, each mended; before, these ended the process or were logged as faults of the server."""

import pytest
from fuzzed_server import SERVICE
from test_fuzz_http import request
from test_fuzz_streams import LOOKUP, PUT, command, flight_data, messages

TARGET = command({"repo": "fuzzed", "table": "cst_name_refs", "rows": 50})
KEYS = command({"repo": "seeded", "dataset": "cst_name_refs", "key": "path"})


def stream(descriptor: bytes, sent: list[tuple[bytes, bytes]]) -> list[bytes]:
    return [flight_data(*each, b"" if number else descriptor) for number, each in enumerate(sent)]


@pytest.mark.parametrize("dictionaries", [False, True])
@pytest.mark.parametrize(("method", "descriptor"), [(PUT, TARGET), (LOOKUP, KEYS)])
def test_offsets_and_indices_that_point_outside_are_refused(server, method, descriptor, dictionaries):
    # the size of such a batch was counted before it was validated: a segmentation fault
    *head, (header, body) = messages(50, dictionaries=dictionaries)
    for start in range(0, min(len(body), 4096), 64):
        altered = body[:start] + b"\xff\x7f" * 32 + body[start + 64 :]
        server.call(method, stream(descriptor, [*head, (header, altered)]))


def test_a_stream_that_announces_exabytes_is_refused_as_damaged(server):
    # was logged as lack of memory, with a traceback
    *head, (header, body) = messages(50, compressed=True)
    huge = (1 << 60).to_bytes(8, "little") + body[8:]  # the first buffer's length when it is decompressed
    call = server.raw.stream_stream(SERVICE + PUT)(iter(stream(TARGET, [*head, (header, huge)])), timeout=30)
    with pytest.raises(Exception, match="bad_stream"):
        list(call)


def test_a_body_that_is_broken_off_is_no_fault_of_the_server(server):
    whole = request("POST", "/v1/sql", {"Content-Type": "application/json", "Content-Length": "500"}, b'{"sql":')
    server.send_http(whole)  # the log is checked at the end
