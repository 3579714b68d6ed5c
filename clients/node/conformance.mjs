// Runs the cases of clients/conformance against a server: node conformance.mjs URI CASES.json
// Prints a line for each case that fails, and ends with 1 if one did.

import { readFileSync } from "node:fs";
import { isDeepStrictEqual } from "node:util";
import { DataType, vectorFromArray, Utf8 } from "apache-arrow";
import { FlightClient } from "./client.mjs";

const [uri, path] = process.argv.slice(2);
const client = new FlightClient(uri);
let failures = 0;
for (const { name, request, lookup, expected } of JSON.parse(readFileSync(path))) {
  const found = await answer(request, lookup);
  if (!isDeepStrictEqual(found, expected)) {
    failures += 1;
    console.log(`${name}\n  expected ${JSON.stringify(expected)}\n  found    ${JSON.stringify(found)}`);
  }
}
client.close();
process.exitCode = failures ? 1 : 0;

async function answer(request, lookup) {
  try {
    const batches = lookup
      ? await client.lookup(request, lookup.key, vectorFromArray(lookup.values, new Utf8()))
      : await client.read(request);
    const schema = batches.schema.fields.map(({ name, type }) => [name, typeName(type)]);
    const rows = [];
    for await (const batch of batches) {
      for (const row of batch) {
        rows.push(batch.schema.fields.map(({ name, type }) => plain(row[name], type)));
      }
    }
    return { schema, rows };
  } catch (error) {
    return { error: error.code };
  }
}

// A type as the cases spell it: a dictionary by its values' type, since what matters is that these come out right.
function typeName(type) {
  if (DataType.isDictionary(type)) return `dictionary of ${typeName(type.dictionary)}`;
  if (DataType.isList(type)) return `list of ${typeName(type.children[0].type)}`;
  if (DataType.isMap(type)) return `map to ${typeName(type.children[0].type.children[1].type)}`;
  if (DataType.isStruct(type)) return `(${type.children.map((child) => `${child.name} ${typeName(child.type)}`).join(", ")})`;
  if (DataType.isUtf8(type)) return "string";
  return type.toString().toLowerCase();
}

// A value as JSON has it: bytes as base64, a map as its pairs.
function plain(value, type) {
  if (value === null || value === undefined) return null;
  if (typeof value === "bigint") return Number(value);
  if (DataType.isBinary(type)) return Buffer.from(value).toString("base64");
  if (DataType.isList(type)) return [...value].map((each) => plain(each, type.children[0].type));
  if (DataType.isMap(type)) return [...value].map(([key, each]) => [key, plain(each, type.children[0].type.children[1].type)]);
  if (DataType.isStruct(type)) return Object.fromEntries(type.children.map((child) => [child.name, plain(value[child.name], child.type)]));
  return value;
}
