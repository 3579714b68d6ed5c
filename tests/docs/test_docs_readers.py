"""The questions of the cookbook have the same answers in DuckDB, SQL in the server, ADBC, Node and Polars."""

import json
import shutil
import subprocess
from importlib import resources
from pathlib import Path

import adbc_driver_flightsql.dbapi
import duckdb
import polars as pl
import pytest
from documents import Block, blocks

import flight_server
from flight_client import connect
from flight_client.ingest import ingest
from flight_client.polars_scan import scan_polars
from flight_server.cli.hosting import open_server, serving

QUESTIONS = [block for block in blocks("sql") if block.where.startswith("docs/cookbook.md")]
NODE = Path(__file__).parents[2] / "clients" / "node"
PROGRAM = """
    import { FlightClient } from "./client.mjs";
    import { readFileSync } from "node:fs";
    const [uri, file] = process.argv.slice(1);
    const client = new FlightClient(uri);
    const plain = (_, value) => (typeof value === "bigint" ? Number(value) : value);
    const answers = [];
    for (const query of JSON.parse(readFileSync(file, "utf8"))) {
      const table = await (await client.sql(query, [], { repo: "code" })).table();
      answers.push(table.toArray().map((row) => Object.values(row.toJSON()).map((each) => each?.toJSON?.() ?? each)));
    }
    console.log(JSON.stringify(answers, plain));
    client.close();
"""


@pytest.fixture(scope="module")
def uri(tmp_path_factory):
    server = open_server(tmp_path_factory.mktemp("store"))
    with serving(server), resources.as_file(resources.files(flight_server) / "demo_repo") as source:
        with connect(server.uri) as client:
            ingest(client, source, repo="code", jobs=1)
        yield server.uri


@pytest.fixture(scope="module")
def attached(uri):
    with connect(uri) as client, duckdb.connect() as connection:
        client.attach(connection, "code")
        connection.execute("use code")
        yield connection


def rows(found):
    """The rows of an answer, in an order of their own: not every question orders its rows completely."""
    return sorted(json.dumps(list(row)) for row in found)


@pytest.mark.parametrize("block", QUESTIONS, ids=lambda block: block.where)
def test_sql_in_the_server_and_adbc_answer_as_duckdb_does(block: Block, uri: str, attached: duckdb.DuckDBPyConnection):
    expected = rows(attached.sql(block.code).fetchall())
    with connect(uri) as client, client.sql(block.code, repo="code") as reader:
        assert rows(each.values() for each in reader.read_all().to_pylist()) == expected
    options = {"adbc.flight.sql.rpc.call_header.repo": "code"}
    with (
        adbc_driver_flightsql.dbapi.connect(uri, db_kwargs=options, autocommit=True) as connection,
        connection.cursor() as cursor,
    ):
        cursor.execute(block.code)
        assert rows(cursor.fetchall()) == expected


@pytest.mark.skipif(
    shutil.which("node") is None or not (NODE / "node_modules").is_dir(), reason="needs node, and npm install in it"
)
def test_node_answers_as_duckdb_does(uri, attached, tmp_path):
    (tmp_path / "queries.json").write_text(json.dumps([block.code for block in QUESTIONS]), encoding="utf-8")
    command = ["node", "--input-type=module", "-e", PROGRAM, uri, tmp_path / "queries.json"]
    done = subprocess.run(command, cwd=NODE, capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    expected = [rows(attached.sql(block.code).fetchall()) for block in QUESTIONS]
    assert [rows(answer) for answer in json.loads(done.stdout)] == expected


FUNCTIONS = pl.col("kind").is_in(["function", "async_function"])
COMMON = ~pl.col("name").str.starts_with("__")
# Questions by a piece of their SQL, as Polars asks them.
IN_POLARS = {
    "as package": lambda table: (
        table("call_graph")
        .filter("is_external")
        .group_by(pl.col("callee_qname").str.split(".").list.first())
        .agg(pl.len(), pl.col("path").n_unique())
    ),
    "def_id not in (select": lambda table: (
        table("cst_defs")
        .filter(FUNCTIONS, COMMON)
        .join(table("call_graph"), left_on="def_id", right_on="callee_def_id", how="anti")
        .select("path", "qname")
    ),
    "as complexity": lambda table: (
        table("cpg_props")
        .filter(pl.col("prop_key") == "complexity")
        .join(table("cst_defs").filter(FUNCTIONS), left_on="entity_id", right_on="def_id")
        .sort("value_int", "path", "def_bstart", descending=[True, False, False])
        .head(20)
        .select("path", "qname", "value_int")
    ),
}


@pytest.mark.parametrize("piece", IN_POLARS)
def test_polars_answers_as_duckdb_does(piece, uri, attached):
    query = next(block.code for block in QUESTIONS if piece in block.code)
    found = IN_POLARS[piece](lambda name: scan_polars(uri, "code", name)).collect()
    assert rows(found.rows()) == rows(attached.sql(query).fetchall()) != []
