// Arrow Flight for Node: a call of gRPC, whose messages are those of an Arrow IPC stream without their frames.
//
//   const client = new FlightClient("grpc://127.0.0.1:8815");
//   for await (const batch of await client.read({ repo: "django", dataset: "cst_defs", limit: 5 })) {
//     console.log(batch.numRows);
//   }
//   client.close();
//
// A request is the JSON of a ticket. The result are record batches of the package apache-arrow, also with dictionaries
// and compressed buffers. A call that fails raises a FlightError with the server's code.

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

export class FlightClient {
  constructor(uri) {
    const address = uri.replace(/^grpc(\+tcp)?:\/\//, "");
    // a batch is at most 4 MiB, unless a single row is larger; gRPC's own bound leaves no room for its frame
    const unbounded = { "grpc.max_receive_message_length": -1 };
    this.service = new FlightService(address, grpc.credentials.createInsecure(), unbounded);
  }

  // The batches of a request, as an async iterable with a schema; leaving its loop cancels the call.
  async read(request) {
    return batchesOf(this.service.DoGet({ ticket: bytesOf(request) }));
  }

  // The rows whose column `key` has one of the values of an Arrow vector.
  async lookup(request, key, values) {
    const call = this.service.DoExchange();
    const messages = framesOf(values).map(([header, body]) => ({ data_header: header, data_body: body }));
    messages[0].flight_descriptor = { type: "CMD", cmd: bytesOf({ ...request, key }) };
    for (const message of messages) {
      call.write(message);
    }
    call.end();
    return batchesOf(call);
  }

  // The FlightInfo of a request: the endpoints' tickets, the number of rows, and the server's metadata of the dataset.
  async info(request) {
    const descriptor = { type: "CMD", cmd: bytesOf(request) };
    const info = await new Promise((resolve, reject) =>
      this.service.GetFlightInfo(descriptor, (error, found) => (error ? reject(flightError(error)) : resolve(found))),
    );
    return {
      tickets: info.endpoint.map(({ ticket }) => JSON.parse(ticket.ticket)),
      rows: info.total_records < 0 ? null : info.total_records,
      metadata: JSON.parse(info.app_metadata),
    };
  }

  // The one result of an action.
  async act(type, body = {}) {
    const results = [];
    for await (const { body: result } of failing(this.service.DoAction({ type, body: bytesOf(body) }))) {
      results.push(JSON.parse(result));
    }
    return results[0];
  }

  close() {
    this.service.close();
  }
}

function bytesOf(document) {
  return Buffer.from(JSON.stringify(document));
}

async function batchesOf(call) {
  const reader = await RecordBatchReader.from(new AsyncByteStream(framed(call)));
  await reader.open();
  return reader;
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

// The messages of a table of one column of keys, as pairs of header and body.
function framesOf(values) {
  const stream = tableToIPC(new Table({ key: values }), "stream");
  const view = new DataView(stream.buffer, stream.byteOffset);
  const frames = [];
  for (let start = 0; view.getInt32(start + 4, true) > 0; ) {
    const bodyStart = start + 8 + view.getInt32(start + 4, true);
    const header = stream.subarray(start + 8, bodyStart);
    start = bodyStart + Message.decode(header).bodyLength;
    frames.push([header, stream.subarray(bodyStart, start)]);
  }
  return frames;
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
