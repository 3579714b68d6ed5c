"""Puts and lookups whose messages were altered byte by byte, sent past pyarrow's own client."""

import json
from functools import cache

import pyarrow as pa
from fuzz_inputs import altered, encoded, fuzzing, seeds, tickets
from fuzzed_server import name_refs
from hypothesis import given
from hypothesis import strategies as st

METHODS = ["GetFlightInfo", "GetSchema", "DoGet", "ListFlights", "DoAction", "ListActions", "Handshake"]
PUT, LOOKUP = "DoPut", "DoExchange"


def field(number: int, data: bytes) -> bytes:
    """A field of bytes of a protobuf message."""
    return varint(number << 3 | 2) + varint(len(data)) + data


def varint(value: int) -> bytes:
    made = bytearray()
    while value > 127:
        made.append(value & 127 | 128)
        value >>= 7
    made.append(value)
    return bytes(made)


def flight_data(header: bytes, body: bytes, descriptor: bytes = b"", metadata: bytes = b"") -> bytes:
    """Flight's message FlightData."""
    parts = ((1, descriptor), (2, header), (3, metadata), (1000, body))
    return b"".join(field(number, data) for number, data in parts if data)


def command(document: object) -> bytes:
    """Flight's message FlightDescriptor with a command."""
    return varint(1 << 3) + varint(2) + field(2, encoded(document))


@cache
def messages(rows: int, *, compressed: bool = False, dictionaries: bool = False) -> tuple[tuple[bytes, bytes], ...]:
    """The messages of a stream, each its header and its body."""
    table = name_refs(rows, 3)
    if dictionaries:
        table = table.set_column(1, "path", table["path"].dictionary_encode())
    sink = pa.BufferOutputStream()
    options = pa.ipc.IpcWriteOptions(compression="zstd" if compressed else None)
    with pa.ipc.new_stream(sink, table.schema, options=options) as writer:
        writer.write_table(table)
    reader = pa.ipc.MessageReader.open_stream(sink.getvalue())
    return tuple((each.metadata.to_pybytes(), each.body.to_pybytes() if each.body else b"") for each in reader)


@fuzzing
@given(st.sampled_from([1, 50]), st.booleans(), st.booleans(), seeds, st.integers(0, 9))
def test_altered_streams(server, rows, compressed, dictionaries, seed, place):
    sent = messages(rows, compressed=compressed, dictionaries=dictionaries)
    place %= len(sent)
    target = command({"repo": "fuzzed", "table": "cst_name_refs", "mode": "replace", "rows": rows})
    key = command({"repo": "seeded", "dataset": "cst_name_refs", "key": "name_ref_id"})
    header, body = sent[place]
    variants = [(each, body) for each in altered(header, seed)] + [(header, each) for each in altered(body, seed + 1)]
    for method, descriptor in ((PUT, target), (LOOKUP, key)):
        for variant in variants:
            changed = [*sent[:place], variant, *sent[place + 1 :]]
            stream = [flight_data(*each, b"" if number else descriptor) for number, each in enumerate(changed)]
            server.call(method, stream)


@fuzzing
@given(st.binary(max_size=300), seeds)
def test_altered_flight_data(server, noise, seed):
    sent = [flight_data(*each) for each in messages(2)]
    first = flight_data(*messages(2)[0], command({"repo": "fuzzed", "table": "cst_name_refs"}))
    for data in altered(first, seed):
        server.call(PUT, [data, *sent[1:]])
    server.call(PUT, [noise])
    server.call(PUT, [first, noise])
    server.call(LOOKUP, [first[:1], noise])


@fuzzing
@given(tickets, seeds)
def test_altered_commands_of_puts_and_lookups(server, ticket, seed):
    document = {**ticket, "table": "cst_name_refs", "key": "path"}
    document["repo"] = "fuzzed" if document["repo"] == "seeded" else document["repo"]
    for data in altered(encoded(document), seed):
        if b"seeded" in data:
            continue
        descriptor = varint(1 << 3) + varint(2) + field(2, data)
        stream = [flight_data(*each, b"" if number else descriptor) for number, each in enumerate(messages(1))]
        server.call(PUT, stream)
        server.call(LOOKUP, stream)


@fuzzing
@given(
    st.sampled_from(["GetFlightInfo", "GetSchema", "DoGet", "ListFlights", "DoAction", "ListActions", "Handshake"]),
    seeds,
)
def test_altered_messages_of_each_method(server, method, seed):
    body = json.dumps({"repo": "seeded", "dataset": "cst_name_refs", "limit": 1}).encode()
    for data in altered(field(1, body) if method == "DoGet" else varint(8) + varint(2) + field(2, body), seed):
        server.call(method, [data])
