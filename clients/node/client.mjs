// Arrow Flight for Node: a call of gRPC, whose messages are those of an Arrow IPC stream without their frames.
//
//   const client = new FlightClient("grpc://127.0.0.1:8815");
//   for await (const batch of await client.read({ repo: "django", dataset: "cst_defs", limit: 5 })) {
//     console.log(batch.numRows);
//   }
//   client.close();
//
// A request is the JSON of a ticket. Rows come as record batches of the package apache-arrow, also with dictionaries and
// compressed buffers. A call that fails raises a FlightError with the server's code. `client.d.mts` has the types.

import { fileURLToPath } from "node:url";
import grpc from "@grpc/grpc-js";
import { loadSync } from "@grpc/proto-loader";
import {
  AsyncByteStream,
  CompressionType,
  Message,
  RecordBatchReader,
  Table,
  compressionRegistry,
  tableToIPC,
} from "apache-arrow";
import { decompress as unzstd } from "fzstd";
import { decompress as unlz4 } from "lz4js";

const PROTOCOL = fileURLToPath(new URL("flight.proto", import.meta.url));
const { FlightService } = grpc.loadPackageDefinition(loadSync(PROTOCOL, { keepCase: true, longs: Number })).arrow.flight.protocol;
const CONTINUATION = 0xffffffff;

compressionRegistry.set(CompressionType.LZ4_FRAME, { decode: (data) => unlz4(data) });
compressionRegistry.set(CompressionType.ZSTD, { decode: (data) => unzstd(data) });

export class FlightError extends Error {
  constructor(code, message) {
    super(message);
    this.name = "FlightError";
    this.code = code;
  }
}

// The batches of a call, which can be iterated once: `schema`, and `cancel()`. Leaving the loop cancels the call.
export class FlightBatches {
  #call;
  #reader;

  constructor(call, reader) {
    this.#call = call;
    this.#reader = reader;
  }

  get schema() {
    return this.#reader.schema;
  }

  async *[Symbol.asyncIterator]() {
    try {
      // not `for await`: its end would wait for the reader, which waits for the server
      for (let next = await this.#reader.next(); !next.done; next = await this.#reader.next()) {
        yield next.value;
      }
    } finally {
      this.cancel();
    }
  }

  // All rows, as a table.
  async table() {
    const batches = [];
    for await (const batch of this) {
      batches.push(batch);
    }
    return batches.length ? new Table(batches) : new Table(this.schema);
  }

  cancel() {
    this.#call.cancel();
  }
}

export class FlightClient {
  #calls = new Set(); // the streams that are open
  #headers;
  #service;

  // `headers` go with each call: `{ authorization: "Bearer …" }`. For grpc+tls:// URIs, `rootCertificate` is a PEM text.
  constructor(uri, { headers = {}, rootCertificate = null } = {}) {
    const [, scheme, address] = /^(grpc(?:\+tcp|\+tls)?):\/\/(.+?)\/?$/.exec(uri) ?? [];
    if (address === undefined) {
      throw new FlightError("invalid_uri", `a URI is grpc://HOST:PORT or grpc+tls://HOST:PORT, given: ${uri}`);
    }
    const root = rootCertificate === null ? null : Buffer.from(rootCertificate);
    const credentials = scheme === "grpc+tls" ? grpc.credentials.createSsl(root) : grpc.credentials.createInsecure();
    // a batch is below 4 MiB, unless a single row is larger
    const options = { "grpc.max_receive_message_length": -1, ...(isHere(address) ? { "grpc.enable_http_proxy": 0 } : {}) };
    this.#service = new FlightService(address, credentials, options);
    this.#headers = grpc.Metadata.fromHttp2Headers(headers);
  }

  // The names of the repos, sorted.
  async repos() {
    return (await this.act("stats")).repos;
  }

  // The datasets of a repo, each as `info` gives it.
  async list(repo) {
    const infos = [];
    const call = this.#service.ListFlights({ expression: bytesOf({ repo }) }, this.#headers);
    for await (const info of failing(call)) {
      infos.push(described(info));
    }
    return infos;
  }

  // The batches of a request.
  async read(request) {
    return this.#batches(this.#service.DoGet({ ticket: bytesOf(request) }, this.#headers));
  }

  // The batches of a SQL query. `parameters` are the values of `?`, or an object of the values of `$name`.
  async sql(query, parameters = [], { repo } = {}) {
    const given = Object.keys(parameters).length ? { parameters } : {};
    return this.read({ sql: query, ...(repo === undefined ? {} : { repo }), ...given });
  }

  // The rows whose column `key` has one of the values of an Arrow vector.
  async lookup(request, key, values) {
    const call = this.#service.DoExchange(this.#headers);
    send(call, { ...request, key }, new Table({ key: values }));
    return this.#batches(call);
  }

  // Put the rows of an Arrow table into a raw table, as a snapshot of its own; `mode` is replace, append or files.
  async put(repo, table, rows, { mode = "replace" } = {}) {
    const call = this.#service.DoPut(this.#headers);
    send(call, { repo, table, mode, rows: rows.numRows }, rows);
    let reply;
    for await (const { app_metadata: metadata } of failing(call)) {
      reply = JSON.parse(metadata);
    }
    return reply;
  }

  // A dataset: its name, the endpoints' tickets, the number of rows, and the server's metadata.
  async info(request) {
    const descriptor = { type: "CMD", cmd: bytesOf(request) };
    const info = await new Promise((resolve, reject) =>
      this.#service.GetFlightInfo(descriptor, this.#headers, (error, found) =>
        error ? reject(flightError(error)) : resolve(found),
      ),
    );
    return described(info);
  }

  // The one result of an action.
  async act(type, body = {}) {
    const results = [];
    const call = this.#service.DoAction({ type, body: bytesOf(body) }, this.#headers);
    for await (const { body: result } of failing(call)) {
      results.push(JSON.parse(result));
    }
    return results[0];
  }

  // Cancel the open streams, and close the connection.
  close() {
    for (const call of this.#calls) {
      call.cancel();
    }
    this.#service.close();
  }

  async #batches(call) {
    this.#calls.add(call);
    call.once("close", () => this.#calls.delete(call));
    try {
      const reader = await RecordBatchReader.from(new AsyncByteStream(framed(call)));
      await reader.open();
      return new FlightBatches(call, reader);
    } catch (error) {
      call.cancel();
      throw error;
    }
  }
}

// Calls to this machine pass no proxy.
function isHere(address) {
  return /^(localhost|127\.0\.0\.1|\[::1\]):\d+$/.test(address);
}

function described({ flight_descriptor: { path }, endpoint, total_records: rows, app_metadata: metadata }) {
  const tickets = endpoint.map(({ ticket }) => JSON.parse(ticket.ticket));
  return { dataset: path.at(-1), tickets, rows: rows < 0 ? null : rows, metadata: JSON.parse(metadata) };
}

function bytesOf(document) {
  return Buffer.from(JSON.stringify(document));
}

// The messages of a call as the bytes of an IPC stream: each header gets its length, and padding to 8 bytes.
async function* framed(call) {
  for await (const { data_header: header, data_body: body } of failing(call)) {
    const padded = (header.length + 7) & ~7;
    const frame = Buffer.alloc(8 + padded);
    frame.writeUInt32LE(CONTINUATION, 0);
    frame.writeInt32LE(padded, 4);
    header.copy(frame, 8);
    yield frame;
    if (body?.length) {
      yield body;
    }
  }
}

// Send a table after a command, each message of its IPC stream without its frame.
function send(call, command, table) {
  const stream = tableToIPC(table, "stream");
  const view = new DataView(stream.buffer, stream.byteOffset);
  let descriptor = { flight_descriptor: { type: "CMD", cmd: bytesOf(command) } };
  for (let start = 0; view.getInt32(start + 4, true) > 0; ) {
    const bodyStart = start + 8 + view.getInt32(start + 4, true);
    const header = stream.subarray(start + 8, bodyStart);
    start = bodyStart + Message.decode(header).bodyLength;
    call.write({ ...descriptor, data_header: header, data_body: stream.subarray(bodyStart, start) });
    descriptor = {};
  }
  call.end();
}

async function* failing(call) {
  try {
    yield* call;
  } catch (error) {
    throw flightError(error);
  } finally {
    call.cancel();
  }
}

// The server's message ends in its code; a message without one is gRPC's own.
function flightError(error) {
  const [, message, code] = /^(.*?) \[([a-z_]+)\]/s.exec(error.details ?? "") ?? [null, error.message, "transport"];
  return new FlightError(code, message);
}
