from contextlib import contextmanager
from pathlib import Path
from unittest.mock import patch

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from processes import killed
from stored_tables import ROWS, pairs_of, reader, rows

from arrowdsl.errors import NullValueError, SchemaMismatchError
from arrowdsl.schema.schema import EncodingPolicy, EncodingSpec
from flight_client.contracts.ids import part_of_path
from flight_client.contracts.raw import RAW_TABLES
from flight_server.storage import parquet
from flight_server.storage.parquet import write_dataset_parquet, write_parts
from flight_server.storage.parquet_file import ROW_GROUP_ROWS, checksums
from flight_server.storage.partitioning import Layout, Partitioning
from flight_server.storage.store_errors import MalformedDataError, StorageError

PATHS = st.sampled_from(["a.py", "b/c.py", "ü.py", "b/d.py", "", "z"])


def test_rows_keep_their_order_without_a_partition_column(tmp_path: Path):
    [file] = write_dataset_parquet(pa.table({"x": range(200_000, 0, -1)}), tmp_path / "t")
    assert pq.read_table(file.path)["x"].to_pylist() == list(range(200_000, 0, -1))


def test_row_groups_have_64_ki_rows_however_the_batches_are_cut(tmp_path: Path):
    table = pa.table({"x": range(ROW_GROUP_ROWS * 2 + 5)})
    data = reader(table.schema, table.to_batches(max_chunksize=1000))
    [file] = write_dataset_parquet(data, tmp_path)
    footer = pq.read_metadata(file.path)
    assert [footer.row_group(i).num_rows for i in range(footer.num_row_groups)] == [ROW_GROUP_ROWS, ROW_GROUP_ROWS, 5]


def test_a_reader_is_streamed_not_collected(tmp_path: Path):
    batch = pa.record_batch({"x": np.arange(ROW_GROUP_ROWS)})
    live = []

    def batches():
        for _ in range(400):
            live.append(pa.total_allocated_bytes())
            yield pa.record_batch({"x": pc.add(batch["x"], 1)})

    write_dataset_parquet(reader(batch.schema, batches()), tmp_path)
    assert max(live) - live[0] < 4 * parquet.LEAST_WAITING_BYTES < 400 * batch.nbytes / 3


def test_rows_in_any_order_become_one_file_for_each_of_many_parts_while_they_fit_in_memory(tmp_path: Path):
    parts, files = 128, 2000
    order = np.random.default_rng(1).permutation(files * 20) % files
    table = rows((f"m{number}.py", int(number)) for number in order)
    data = reader(table.schema, table.to_batches(max_chunksize=1000))
    runs = write_dataset_parquet(data, tmp_path, partitioning=Partitioning("path", parts))
    assert len(runs) == len({run.part for run in runs}) == parts


@contextmanager
def memory(size):
    """Puts that may hold so many bytes of rows in memory."""
    with patch.multiple(parquet, WAITING_BYTES=size, LEAST_WAITING_BYTES=size // 4):
        yield


@given(
    pairs=st.lists(st.tuples(PATHS, st.integers(0, 9)), max_size=40),
    cuts=st.lists(st.integers(1, 7), min_size=1, max_size=5),
    parts=st.sampled_from([1, 2, 8]),
    size=st.sampled_from([0, 200, 1000, 1_000_000]),
)
@settings(max_examples=100, deadline=None)
def test_rows_go_to_sorted_files_of_their_part_and_otherwise_as_they_came(tmp_path_factory, pairs, cuts, parts, size):
    table, batches, start = rows(pairs), [], 0
    while start < len(pairs):
        count = cuts[start % len(cuts)]
        batches += table.slice(start, count).combine_chunks().to_batches()
        start += count
    folder = tmp_path_factory.mktemp("parts")
    with memory(size):
        files = write_dataset_parquet(reader(table.schema, batches), folder, partitioning=Partitioning("path", parts))
    found = [(file.part, pairs_of(pq.read_table(file.path))) for file in files]
    assert all(pairs == sorted(pairs, key=lambda pair: pair[0]) for _, pairs in found)
    assert [file.rows for file in files] == [len(pairs) for _, pairs in found]
    written = {
        part: sorted((pair for of, each in found if of == part for pair in each), key=lambda pair: pair[0])
        for part, _ in found
    }
    expected = {
        part: sorted((pair for pair in pairs if part_of_path("", pair[0], parts) == part), key=lambda pair: pair[0])
        for part in {part_of_path("", path, parts) for path, _ in pairs}
    }
    assert written == expected


def test_rows_that_come_in_order_are_written_as_they_come_until_rows_come_in_another_order(tmp_path: Path):
    paths = [f"{number}.py" for number in range(40)]
    by_part = [sorted(path for path in paths if part_of_path("", path, 4) == part) for part in range(4)]
    batches = [rows([(path, 0) for path in found]).combine_chunks().to_batches()[0] for found in by_part]
    written, order = [], [0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3]

    def watched():
        for part in order:
            written.append(sum(1 for file in tmp_path.glob("*.parquet") if file.stat().st_size))
            yield batches[part]

    with patch.object(parquet, "LEAST_WAITING_BYTES", 1):
        layout = Layout(batches[0].schema, EncodingPolicy(), Partitioning("path", 4))
        files = write_parts(reader(layout.schema, watched()), tmp_path, layout)
    assert all(count >= number - 1 for number, count in enumerate(written[:5]))
    assert sorted(file.part for file in files) == [0, 0, 1, 1, 2, 2, 3, 3]  # one file each early, and one at the end


def test_sorted_rows_are_one_file_for_each_part_however_many_they_are(tmp_path: Path):
    pairs = sorted(((f"{n % 50}.py", n) for n in range(1000)), key=lambda pair: (part_of_path("", pair[0], 4), pair[0]))
    table = rows(pairs)
    data = reader(table.schema, table.to_batches(max_chunksize=7))
    with memory(400):
        files = write_dataset_parquet(data, tmp_path, partitioning=Partitioning("path", 4))
    assert [file.part for file in files] == [0, 1, 2, 3]
    assert [pair for file in files for pair in pairs_of(pq.read_table(file.path))] == pairs


def test_bytes_depend_on_the_rows_alone(tmp_path: Path):
    count = 70_000
    qnames = [None if i % 5 == 0 else [{"name": str(i), "source": None}] * (i % 3) for i in range(count)]
    kind = pa.list_(pa.struct([("name", pa.string()), ("source", pa.string())]))
    clean = pa.table({"x": pa.array([None if i % 7 == 0 else i for i in range(count)]), "q": pa.array(qnames, kind)})
    x = clean["x"].chunk(0)
    garbage = pa.Array.from_buffers(
        x.type, count, [x.buffers()[0], pa.py_buffer(np.where(np.arange(count) % 7 == 0, 99, np.arange(count)))]
    )
    dirty = pa.table({"x": garbage, "q": clean["q"]})
    padded = pa.concat_tables([clean.slice(3, 11), clean]).combine_chunks().slice(11)
    variants = [
        clean,
        dirty,
        padded,
        reader(clean.schema, padded.to_batches(max_chunksize=777)),
        pa.concat_tables([clean.slice(0, 1), clean.slice(1)]),
    ]
    hashes = set()
    for index, data in enumerate(variants):
        [file] = write_dataset_parquet(data, tmp_path / str(index))
        hashes.add(checksums(file.path).content_hash)
    assert len(hashes) == 1


@pytest.mark.parametrize(
    "kind",
    [
        pa.large_list(pa.struct([("source", pa.large_string()), ("name", pa.string())])),
        pa.list_view(pa.struct([("name", pa.string_view()), ("source", pa.string_view())])),
        pa.large_list_view(pa.struct([("name", pa.large_string()), ("source", pa.string())])),
    ],
    ids=str,
)
def test_large_and_view_variants_of_lists_are_cast(tmp_path: Path, kind):
    spec = RAW_TABLES["cst_defs"]
    value = [[{"name": "m.f", "source": "LOCAL"}], None, [], [{"name": "n", "source": None}] * 2]
    table = pa.table({"file_id": ["f"] * 4, "path": ["p"] * 4, "def_id": ["d"] * 4, "qnames": pa.array(value, kind)})
    [file] = write_dataset_parquet(table, tmp_path, schema=spec.plain_schema)
    assert pq.read_table(file.path)["qnames"].to_pylist() == value


@pytest.mark.parametrize(
    "path",
    [
        pa.array(["a", "b", "a"], pa.string_view()),
        pa.array(["a", "b", "a"], pa.large_string()),
        pa.array(["a", "b", "a"]).dictionary_encode(),
        pa.DictionaryArray.from_arrays(pa.array([0, 1, 0], pa.uint32()), pa.array(["a", "b"], pa.string_view())),
        pc.run_end_encode(pa.array(["a", "b", "a"])),
    ],
    ids=lambda array: str(array.type),
)
def test_every_encoding_of_strings_is_read(tmp_path: Path, path):
    [file] = write_dataset_parquet(pa.table({"path": path}), tmp_path, schema=ROWS.plain_schema)
    assert pq.read_table(file.path)["path"].to_pylist() == ["a", "b", "a"]


def test_dictionary_columns_are_encoded_against_their_vocabulary(tmp_path: Path):
    policy = EncodingPolicy((EncodingSpec("kind", ("x", "y", "z")),))
    [file] = write_dataset_parquet(pa.table({"kind": ["y", None, "x"]}), tmp_path / "a", encoding_policy=policy)
    column = pq.read_table(file.path)["kind"]
    assert pa.types.is_dictionary(column.type)
    assert column.to_pylist() == ["y", None, "x"]
    with pytest.raises(SchemaMismatchError, match="not in its vocabulary"):
        write_dataset_parquet(pa.table({"kind": ["w"]}), tmp_path / "b", encoding_policy=policy)


def test_a_wrong_schema_is_refused_before_the_first_batch(tmp_path: Path):
    def batches():
        raise AssertionError("a batch was asked for")
        yield

    with pytest.raises(SchemaMismatchError, match="path"):
        write_dataset_parquet(
            reader(pa.schema([("value", pa.int64())]), batches()),
            tmp_path,
            schema=ROWS.schema,
        )
    lists = pa.schema([("path", pa.string()), ("value", pa.list_(pa.int64()))])
    with pytest.raises(SchemaMismatchError, match="value"):
        write_dataset_parquet(reader(lists, batches()), tmp_path, schema=ROWS.schema)


def test_a_null_in_a_required_column_leaves_no_file(tmp_path: Path):
    good, bad = rows([("a", 1)]).to_batches()[0], pa.record_batch({"path": pa.array([None], pa.string())})
    data = reader(pa.schema([("path", pa.string())]), [good.select(["path"]), bad])
    with pytest.raises(NullValueError):
        write_dataset_parquet(data, tmp_path, schema=ROWS.schema)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "broken",
    [
        pa.Array.from_buffers(pa.string(), 1, [None, pa.py_buffer(np.array([0, 2], "i4")), pa.py_buffer(b"\xff\xfe")]),
        pa.Array.from_buffers(
            pa.string(), 2, [None, pa.py_buffer(np.array([0, 2**30, 3], "i4")), pa.py_buffer(b"abc")]
        ),
    ],
    ids=["not UTF-8", "offsets out of order"],
)
def test_malformed_arrow_data_is_refused(tmp_path: Path, broken):
    batch = pa.RecordBatch.from_arrays([broken], ["path"])
    with pytest.raises(MalformedDataError):
        write_dataset_parquet(reader(batch.schema, [batch]), tmp_path)


def test_a_folder_with_files_is_not_written_over(tmp_path: Path):
    (tmp_path / "precious").write_text("x")
    with pytest.raises(StorageError, match="empty"):
        write_dataset_parquet(pa.table({"x": [1]}), tmp_path)
    assert (tmp_path / "precious").read_text() == "x"


def test_overwriting_replaces_the_files_and_leaves_nothing_beside(tmp_path: Path):
    for value in (1, 2):
        [file] = write_dataset_parquet(pa.table({"x": [value]}), tmp_path / "t", overwrite=True)
        assert ds.dataset(tmp_path / "t").to_table()["x"].to_pylist() == [value]
        assert [*tmp_path.rglob("*")] == [tmp_path / "t", file.path]


def test_options_of_the_parquet_writer_are_taken(tmp_path: Path):
    [file] = write_dataset_parquet(pa.table({"x": [1]}), tmp_path, opts={"compression": "zstd"})
    assert pq.read_metadata(file.path).row_group(0).column(0).compression == "ZSTD"


def test_overwriting_that_fails_leaves_the_old_files(tmp_path: Path):
    write_dataset_parquet(pa.table({"x": [1]}), tmp_path / "t")

    def broken():
        yield pa.record_batch({"x": [2]})
        raise ConnectionError

    with pytest.raises(ConnectionError):
        write_dataset_parquet(reader(pa.schema([("x", pa.int64())]), broken()), tmp_path / "t", overwrite=True)
    assert ds.dataset(tmp_path / "t").to_table()["x"].to_pylist() == [1]
    assert [*tmp_path.iterdir()] == [tmp_path / "t"]


@pytest.mark.parametrize("at", [1, 2])
def test_a_process_that_dies_in_the_exchange_of_folders_loses_neither_old_nor_new_files(tmp_path: Path, at):
    """It dies after the first rename, or after the second."""
    write_dataset_parquet(pa.table({"x": [1]}), tmp_path / "t")
    killed(
        tmp_path / "store",
        f"""
        from pathlib import Path
        import pyarrow as pa
        from flight_server.storage.parquet import write_dataset_parquet
        rename, calls = Path.rename, []
        def dying(source, target):
            renamed = rename(source, target)
            calls.append(target)
            if len(calls) == {at}:
                os.kill(os.getpid(), signal.SIGKILL)
            return renamed
        Path.rename = dying
        write_dataset_parquet(pa.table({{"x": [2]}}), {str(tmp_path / "t")!r}, overwrite=True)
        """,
    )
    with pytest.raises(StorageError):  # because there are files: the call has put back those that it found aside
        write_dataset_parquet(pa.table({"x": [3]}), tmp_path / "t")
    assert ds.dataset(tmp_path / "t").to_table()["x"].to_pylist() == [at]
    write_dataset_parquet(pa.table({"x": [3]}), tmp_path / "t", overwrite=True)
    assert ds.dataset(tmp_path / "t").to_table()["x"].to_pylist() == [3]
