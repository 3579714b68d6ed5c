"""A process that stops reading half way ends by itself: exit code 0, empty stderr, no stream left at the server."""

import subprocess
import sys
import textwrap

import pytest

PROGRAMS = {
    "open reader": "reader = client.read('r', 'endless'); print(reader.read_next_batch().num_rows)",
    "open arrow reader": "reader = client.read('r', 'endless').to_arrow(); print(reader.read_next_batch().num_rows)",
    "stuck reader": "reader = client.read('r', 'stuck'); print(reader.read_next_batch().num_rows)",
    "open reader of several streams": """
        reader = client.read('r', 'endless', streams=3); print(reader.read_next_batch().num_rows)
    """,
    "stuck reader of several streams, as they come": """
        reader = client.read('r', 'stuck', streams=3, ordered=False); print(reader.read_next_batch().num_rows)
    """,
    "open lookup": """
        reader = client.lookup('r', 'endless', key='n', values=range(10_000)); print(reader.read_next_batch().num_rows)
    """,
    "waiting thread": """
        import threading
        reader = client.read('r', 'stuck')
        reader.read_next_batch()
        def wait():
            try:
                reader.read_next_batch()
            except flight_client.StreamClosedError:
                pass
        threading.Thread(target=wait, daemon=True).start()
        print(1)
    """,
    "half a generator": "batches = dataset.to_batches(); print(next(batches).num_rows)",
    "caught error": """
        try:
            client.dataset('r', 'broken').to_table()
        except flight_client.FlightClientError as error:
            print(error.code)
    """,
    "local filter": """
        import pyarrow.compute as pc
        rows = client.dataset('r', 't').to_table(columns=['id'], filter=pc.field('id') + pc.field('i') > 3)
        print(rows.filter(pc.field('id') > 0).num_rows)
    """,
    "duckdb limit": """
        import duckdb
        print(duckdb.sql("select * from dataset limit 5").fetchall())
        print(duckdb.sql("select * from dataset where n <> 3 and length(name) = 1 limit 5").fetchall())
    """,
    "duckdb open result": """
        import duckdb
        result = duckdb.connect().execute("select * from dataset")
        print(result.fetchmany(3))
    """,
    "duckdb error": """
        import duckdb
        broken = client.dataset('r', 'broken')
        try:
            duckdb.sql("select sum(n) from broken").fetchall()
        except duckdb.Error as error:
            print('the disk is gone' in str(error))
    """,
    "polars head": """
        import polars as pl
        print(pl.scan_pyarrow_dataset(dataset).head(5).collect().height)
        print(pl.scan_pyarrow_dataset(dataset).filter(pl.col('n') > 3).head(5).collect().height)
    """,
    "datafusion limit": """
        from datafusion import SessionContext
        context = SessionContext()
        context.register_dataset('d', dataset)
        print(context.sql('select * from d limit 5').to_pydict())
    """,
    "datafusion open stream": """
        from datafusion import SessionContext
        context = SessionContext()
        context.register_dataset('d', dataset)
        stream = context.sql('select * from d').execute_stream()
        print(next(stream) is not None)
    """,
}


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_process_ends_clean(server, program):
    source = f"""
import flight_client
client = flight_client.connect({server.uri!r})
dataset = client.dataset('r', 'endless')
{textwrap.dedent(PROGRAMS[program])}
"""
    done = subprocess.run([sys.executable, "-c", source], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout
    assert server.wait_until_idle()
