"""A canonical order of rows that do not fit into memory at once is what sorting them all gives."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flight_server.serving.canonical_order import in_canonical_order
from flight_server.storage.artifacts import ArtifactStore

KEYS = (("name", "ascending"), ("size", "descending"))


def rows_of(count, seed, names):
    draw = np.random.default_rng(seed)
    vocabulary = pa.array([f"n{number}" for number in range(names)])
    codes = pa.array(draw.integers(0, names, count, np.int32), mask=draw.random(count) < 0.1)
    return pa.table(
        {
            "name": pa.DictionaryArray.from_arrays(codes, vocabulary),
            "size": pa.array(draw.integers(0, 3, count), mask=draw.random(count) < 0.1),
            "place": pa.array(range(count)),
        }
    )


def in_order(table):
    plain = table.set_column(0, "name", table.column("name").cast(pa.string()))
    return plain.sort_by([*KEYS, ("place", "ascending")])


@pytest.fixture(scope="module")
def artifacts(tmp_path_factory):
    return ArtifactStore(tmp_path_factory.mktemp("sorting"))


@settings(max_examples=20, deadline=None)
@given(
    count=st.integers(0, 12_000),
    seed=st.integers(0, 2**32),
    names=st.integers(1, 9),
    run=st.sampled_from([2_000, 60_000, 10**9]),
)
def test_runs_that_are_merged_give_the_order_of_a_stable_sort(artifacts, count, seed, names, run):
    table = rows_of(count, seed, names)
    batches = (batch for batch in table.to_batches(999))
    merged = list(in_canonical_order(batches, KEYS, artifacts, lambda: None, run))
    found = pa.Table.from_batches(merged, table.schema)
    assert found["place"].to_pylist() == in_order(table)["place"].to_pylist()
    assert list(artifacts.folder.iterdir()) == []


def test_a_sort_that_is_broken_off_leaves_no_file(artifacts):
    table = rows_of(20_000, 1, 5)
    merged = in_canonical_order((batch for batch in table.to_batches(999)), KEYS, artifacts, lambda: None, 20_000)
    assert next(merged).num_rows > 0
    merged.close()
    assert list(artifacts.folder.iterdir()) == []
