import type { RecordBatch, Schema, Table, Vector } from "apache-arrow";

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

/** The JSON of a ticket. Without `snapshot`, the newest one is read. */
export interface Request {
  repo: string;
  dataset: string;
  columns?: string[];
  /** CQL2 as text (`"kind = 'class'"`) or as JSON. */
  where?: string | { op: string; args: Json[] };
  limit?: number;
  order?: "canonical";
  snapshot?: number;
  kinds?: string[];
  parts?: (number | string)[];
  compression?: "lz4" | "zstd";
  props?: string;
}

export interface Info {
  dataset: string;
  tickets: Request[];
  /** null if the server does not know the number */
  rows: number | null;
  metadata: { [key: string]: Json };
}

/** A failed call; `code` is stable, and "transport" if no server answered. */
export class FlightError extends Error {
  constructor(code: string, message: string);
  readonly code: string;
}

/** The batches of a call, which can be iterated once; leaving the loop cancels the call. */
export class FlightBatches implements AsyncIterable<RecordBatch> {
  private constructor();
  readonly schema: Schema;
  [Symbol.asyncIterator](): AsyncGenerator<RecordBatch, void, undefined>;
  table(): Promise<Table>;
  cancel(): void;
}

export interface Options {
  /** sent with each call, for example `{ authorization: "Bearer …" }` */
  headers?: { [name: string]: string };
  /** a PEM text, for servers whose certificate the system does not know */
  rootCertificate?: string | null;
}

export class FlightClient {
  /** `uri` is grpc://HOST:PORT or grpc+tls://HOST:PORT. */
  constructor(uri: string, options?: Options);
  repos(): Promise<string[]>;
  list(repo: string): Promise<Info[]>;
  info(request: Request): Promise<Info>;
  read(request: Request): Promise<FlightBatches>;
  /** `parameters` are the values of `?` in order, or of `$name` by name. */
  sql(
    query: string,
    parameters?: Json[] | { [name: string]: Json },
    options?: { repo?: string },
  ): Promise<FlightBatches>;
  /** The rows whose column `key` has one of the values. */
  lookup(request: Request, key: string, values: Vector): Promise<FlightBatches>;
  /** A snapshot of its own with the rows of the table. */
  put(
    repo: string,
    table: string,
    rows: Table,
    options?: { mode?: "replace" | "append" | "files" },
  ): Promise<{ table: string; rows: number; snapshot: number }>;
  act(type: string, body?: { [key: string]: Json }): Promise<{ [key: string]: Json }>;
  close(): void;
}
