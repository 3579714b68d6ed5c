// The types of the package, checked by `npm run types`.
import { Table, vectorFromArray } from "apache-arrow";
import { FlightClient, FlightError, type Info, type Request } from "./client.mjs";

const client = new FlightClient("grpc://127.0.0.1:8815", { headers: { authorization: "Bearer token" } });
const request: Request = { repo: "demo", dataset: "cst_defs", columns: ["qname"], where: "kind = 'class'", limit: 5 };
try {
  for await (const batch of await client.read(request)) {
    const rows: number = batch.numRows;
    console.log(rows);
  }
  const table: Table = await (await client.sql("select $n", { n: 1 }, { repo: "demo" })).table();
  const found = await client.lookup(request, "qname", vectorFromArray(["a"]));
  const infos: Info[] = await client.list("demo");
  const done: { snapshot: number } = await client.put("demo", "cst_defs", table, { mode: "append" });
  console.log(found.schema.fields.length, infos[0]?.rows ?? 0, done.snapshot);
} catch (error) {
  if (error instanceof FlightError) console.log(error.code);
}
client.close();
