from pathlib import Path

import pyarrow as pa
import pytest
from stored_tables import reader

from arrowdsl.errors import SchemaMismatchError
from arrowdsl.schema.schema import EncodingPolicy, EncodingSpec
from flight_server.storage.ipc import write_table_ipc_file


def read(path: Path) -> pa.Table:
    with pa.OSFile(str(path)) as source:
        return pa.ipc.open_file(source).read_all()


def test_a_table_is_streamed_in_batches_of_64_ki_rows(tmp_path: Path):
    table = pa.table({"x": range(100_000)})
    file = write_table_ipc_file(table.to_reader(), tmp_path / "t.arrow")
    assert file.rows == 100_000
    assert file.bytes == (tmp_path / "t.arrow").stat().st_size
    assert read(file.path).equals(table)
    assert [len(chunk) for chunk in read(file.path)["x"].chunks] == [65536, 34464]


def test_a_constant_vocabulary_lets_every_batch_have_other_values(tmp_path: Path):
    policy = EncodingPolicy((EncodingSpec("kind", ("a", "b")),))
    batches = [pa.record_batch({"kind": ["a"]}), pa.record_batch({"kind": ["b"]})]
    file = write_table_ipc_file(reader(batches[0].schema, batches), tmp_path / "t.arrow", encoding_policy=policy)
    assert read(file.path)["kind"].to_pylist() == ["a", "b"]


def test_changing_dictionaries_are_refused_and_the_older_file_stays(tmp_path: Path):
    path = tmp_path / "t.arrow"
    write_table_ipc_file(pa.table({"x": [1]}), path)
    policy = EncodingPolicy((EncodingSpec("kind"),))
    batches = [pa.record_batch({"kind": ["a"]}), pa.record_batch({"kind": ["b"]})]
    with pytest.raises(SchemaMismatchError, match="dictionaries"):
        write_table_ipc_file(reader(batches[0].schema, batches), path, encoding_policy=policy)
    assert read(path)["x"].to_pylist() == [1]
    assert [file.name for file in tmp_path.iterdir()] == ["t.arrow"]
