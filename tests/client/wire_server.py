"""A second server of the wire, over tables in memory: the client's referee.

Filters are evaluated row by row in plain Python with SQL's three-valued logic, by nothing that the client or the real
server shares. Some datasets misbehave on purpose: ``endless``, ``silent`` (no batch), ``stuck`` (a batch, then
silence), ``broken`` (an error half way), ``changed`` (a stream whose schema is not the promised one).
"""

import json
import re
import threading
import uuid
from contextlib import closing

import pyarrow as pa
from pyarrow import flight

MISBEHAVING = frozenset({"endless", "silent", "stuck", "broken", "changed"})
MISBEHAVED = pa.schema([("n", pa.int64()), ("name", pa.string())])
BATCH = pa.table({"n": pa.array(range(65536), pa.int64()), "name": ["x"] * 65536})
NAN = float("nan")
RETRY_AFTER = 0.01  # seconds
ROWS = pa.table(
    {
        "id": pa.array(range(12), pa.int64()),
        "i": pa.array([0, 1, None, -1, 5, 7, None, 2, 3, 100, -128, 127], pa.int64()),
        "i8": pa.array([0, 1, None, -1, 5, 7, None, 2, 3, 100, -128, 127], pa.int8()),
        "u64": pa.array([0, 1, None, 2**63, 5, 7, None, 2, 3, 100, 2**64 - 1, 127], pa.uint64()),
        "f": pa.array([0.0, -0.0, None, NAN, 0.1, 0.5, 1e300, -1e300, 2.5, NAN, None, 0.9], pa.float64()),
        "f32": pa.array([0.0, -0.0, None, NAN, 0.1, 0.5, 3e38, -3e38, 2.5, NAN, None, 0.9], pa.float32()),
        "s": pa.array(["", "a", None, "a%", "a_b", "é", "a\\b", "ab", "b", "A", None, "a\nb"]),
        "d": pa.array(["x", "y", None, "x", "x_y", "y", None, "z", "x", "y", "x", ""]).dictionary_encode(),
        "b": pa.array([True, False, None, True, False, True, None, False, True, True, False, None]),
        "t": pa.array([None, *range(11)], pa.timestamp("us")),
        "bytes": pa.array([b"", b"a", None, b"\xff", b"a", b"b", b"c", b"d", b"e", b"f", b"g", b"h"]),
    }
)
COMPARE = {
    "=": lambda a, b: a == b,
    "<>": lambda a, b: a != b,
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
}


def same(left, right):
    """Whether two tables have the same schema and rows; NaN is NaN."""
    return left.schema.equals(right.schema) and repr(left.to_pydict()) == repr(right.to_pydict())


def truth(term, row):
    """True, False or None."""
    match term:
        case {"op": "and", "args": terms}:
            values = [truth(each, row) for each in terms]
            return False if False in values else None if None in values else True
        case {"op": "or", "args": terms}:
            values = [truth(each, row) for each in terms]
            return True if True in values else None if None in values else False
        case {"op": "not", "args": [each]}:
            value = truth(each, row)
            return None if value is None else not value
        case {"op": "isNull", "args": [{"property": name}]}:
            return row[name] is None
        case {"op": "in", "args": [{"property": name}, choices]}:
            return None if row[name] is None else row[name] in choices
        case {"op": "like", "args": [{"property": name}, pattern]}:
            return None if row[name] is None else like(row[name], pattern)
        case {"op": op, "args": [{"property": name}, value]} if op in COMPARE:
            return None if row[name] is None else COMPARE[op](row[name], value)
        case _:
            raise refusal("invalid_filter", f"not understood: {term}")


def like(text, pattern):
    parts = re.findall(r"\\.|.", pattern, re.DOTALL)
    expression = "".join({"%": ".*", "_": "."}.get(part, re.escape(part[-1])) for part in parts)
    return re.fullmatch(expression, text, re.DOTALL) is not None


def refusal(code, message):
    return flight.FlightServerError(message, extra_info=json.dumps({"code": code, "message": message}).encode())


class WireServer(flight.FlightServerBase):
    """Tables by (repo, dataset), each cut into ``parts`` endpoints; ``tickets`` logs what do_get was asked for."""

    def __init__(self, tables=(), parts=3):
        super().__init__("grpc://127.0.0.1:0")
        self.uri = f"grpc://127.0.0.1:{self.port}"
        self.tables = dict(tables)
        self.parts = parts
        self.tickets = []
        self.actions = []
        self.snapshot = 7
        self.staged = {}
        self.locations = ()  # of each endpoint
        self.refusals = 0  # streams to refuse as busy, before others are let in
        self.refuses_late = True  # after the schema, as the real server does
        self.open_streams = self.most_streams = self.batches = 0
        self.all_closed = threading.Condition()

    def wait_until_idle(self, seconds=30.0):
        with self.all_closed:
            return self.all_closed.wait_for(lambda: self.open_streams == 0, seconds)

    def list_flights(self, _context, criteria):
        wanted = json.loads(criteria or b"{}")
        for repo, dataset in self.tables:
            if wanted.get("repo", repo) == repo:
                yield self._info({"repo": repo, "dataset": dataset})

    def get_flight_info(self, _context, descriptor):
        return self._info(json.loads(descriptor.command))

    def _info(self, request):
        schema = self._schema(request)
        pinned = {**request, "snapshot": request.get("snapshot", self.snapshot)}
        parts = [None] if "limit" in request else request.get("parts", range(self.parts))
        tickets = [pinned if part is None else {**pinned, "parts": [part]} for part in parts]
        table = self.tables.get((request["repo"], request["dataset"]))
        return flight.FlightInfo(
            schema,
            flight.FlightDescriptor.for_path(request["repo"], request["dataset"]),
            [flight.FlightEndpoint(json.dumps(each).encode(), self.locations) for each in tickets],
            -1 if table is None or "where" in request else table.num_rows,
            -1,
            ordered=True,
            app_metadata=json.dumps({"contract": "t_v1", "snapshot": pinned["snapshot"]}).encode(),
        )

    def _schema(self, request):
        key = (request["repo"], request["dataset"])
        if key[1] in MISBEHAVING:
            schema = MISBEHAVED
        elif key in self.tables:
            schema = self.tables[key].schema
        else:
            raise refusal("unknown_dataset", f"unknown dataset {key[1]!r}; datasets: t")
        for name in request.get("columns", ()):
            if name not in schema.names:
                raise refusal("unknown_column", f"unknown column {name!r}")
        return pa.schema([schema.field(name) for name in request.get("columns", schema.names)])

    def do_get(self, context, ticket):
        request = json.loads(ticket.ticket)
        self.tickets.append(request)
        schema = self._schema(request)
        if not self.refuses_late:
            self._refuse_if_busy()
        if request["dataset"] == "changed":
            schema = pa.schema([(name, pa.string()) for name in schema.names])
        return flight.GeneratorStream(schema, self._counted(self._stream(context, request)))

    def _refuse_if_busy(self):
        if self.refusals:
            self.refusals -= 1
            document = {"code": "busy", "message": "no room", "retry_after": RETRY_AFTER}
            raise flight.FlightUnavailableError("no room", extra_info=json.dumps(document).encode())

    def _counted(self, tables):
        with self.all_closed:
            self.open_streams += 1
            self.most_streams = max(self.most_streams, self.open_streams)
        try:
            for table in tables:
                self.batches += 1
                yield table
        finally:
            with self.all_closed:
                self.open_streams -= 1
                self.all_closed.notify_all()

    def _stream(self, context, request):
        self._refuse_if_busy()
        batch = BATCH.select(self._schema(request).names) if request["dataset"] in MISBEHAVING else None
        match request["dataset"]:
            case "endless":
                while not context.is_cancelled():
                    yield batch
            case "silent" | "stuck" as dataset:
                if dataset == "stuck":
                    yield batch
                while not context.is_cancelled():
                    threading.Event().wait(0.02)
            case "broken":
                yield batch
                raise refusal("disk_gone", "the disk is gone")
            case _:
                yield from self._rows(request)

    def _rows(self, request):
        table = self.tables[request["repo"], request["dataset"]]
        size = -(-table.num_rows // self.parts)
        chosen = request.get("parts", range(self.parts))
        left = request.get("limit", table.num_rows)
        for part in chosen:
            rows = table.slice(part * size, size)
            if "where" in request:
                rows = rows.filter(
                    pa.array([truth(request["where"], row) is True for row in rows.to_pylist()], pa.bool_())
                )
            rows = rows.select(request.get("columns", table.column_names)).slice(0, left)
            left -= rows.num_rows
            yield from (pa.Table.from_batches([batch]) for batch in rows.to_batches() if batch.num_rows)

    def do_exchange(self, context, descriptor, reader, writer):
        request = json.loads(descriptor.command)
        self.tickets.append({**request})
        keys = {value for chunk in reader for value in chunk.data.column(0).to_pylist()}
        column = request.pop("key")
        self._refuse_if_busy()
        if column == "refused":
            raise refusal("too_many_keys", f"{len(keys)} keys")
        schema = self._schema(request)
        writer.begin(schema)
        with closing(self._counted(self._stream(context, request))) as tables:
            for table in tables:
                rows = table if isinstance(table, pa.Table) else pa.Table.from_batches([table])
                if column in rows.column_names:
                    rows = rows.filter(pa.array([value in keys for value in rows[column].to_pylist()], pa.bool_()))
                writer.write_table(rows)

    def do_put(self, _context, descriptor, reader, writer):
        target = json.loads(descriptor.command)
        if target["table"] == "unknown":
            raise refusal("unknown_table", "unknown table 'unknown'; tables: t")
        rows = pa.Table.from_batches([chunk.data for chunk in reader], schema=reader.schema)
        if target["table"] == "full":
            raise refusal("disk_full", "the disk is full")
        self.staged[target["txn"]] = ((target["repo"], target["table"]), rows)
        writer.write(json.dumps({"rows": rows.num_rows, "table": target["table"]}).encode())

    def do_action(self, _context, action):
        body = json.loads(action.body.to_pybytes() or b"{}")
        self.actions.append((action.type, body))
        yield flight.Result(json.dumps(self._act(action.type, body)).encode())

    def _act(self, name, body):
        match name:
            case "begin":
                return {"txn": uuid.uuid4().hex, "parts": 1}
            case "commit":
                (key, rows) = self.staged.pop(body["txn"])
                if body["rows"] != {key[1]: rows.num_rows}:
                    raise refusal("row_count", f"{rows.num_rows} rows came, expected were {body['rows']}")
                self.tables[key] = rows
                self.snapshot += 1
                return {"snapshot": self.snapshot}
            case "abort":
                self.staged.pop(body["txn"], None)
                return {}
            case "snapshots":
                return {"snapshots": [{"snapshot": self.snapshot}]}
            case "drop":
                self.tables = {key: table for key, table in self.tables.items() if key[0] != body["repo"]}
                return {"repo": body["repo"]}
            case "explain":
                return {"text": "scan t", "ticket": body}
            case "stats":
                return {"repos": sorted({repo for repo, _ in self.tables}), **body}
            case "healthcheck":
                return {"ok": True, **body}
            case _:
                raise refusal("unknown_action", f"unknown action {name!r}")
