"""Readers in asynchronous code."""

import asyncio

import pyarrow as pa
import pytest
from wire_server import ROWS, same

from flight_client import FlightClientError


def test_batches_arrive_while_other_tasks_run(client):
    async def rows(name):
        with await asyncio.to_thread(client.read, "r", name) as reader:
            return pa.Table.from_batches([batch async for batch in reader])

    async def both():
        return await asyncio.gather(rows("t"), rows("u"))

    first, second = asyncio.run(both())
    assert same(first, ROWS)
    assert second.num_rows == 12


def test_an_error_is_raised_in_the_loop(client):
    async def read():
        with await asyncio.to_thread(client.read, "r", "broken") as reader:
            return [batch async for batch in reader]

    with pytest.raises(FlightClientError):
        asyncio.run(read())


def test_a_cancelled_task_cancels_the_call(client, server):
    async def read():
        reader = await asyncio.to_thread(client.read, "r", "stuck")
        async for _ in reader:
            pass

    async def give_up():
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(read(), timeout=0.5)

    asyncio.run(give_up())
    with server.all_closed:
        assert server.all_closed.wait_for(lambda: not server.open_streams, timeout=60)
