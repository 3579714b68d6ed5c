"""The names that the pipeline was first written with, called as it calls them."""

import pyarrow as pa
import pyarrow.dataset as ds
import pytest

from arrowdsl.compute.kernels import distinct_sorted, explode_list_column, flatten_list_struct_field
from arrowdsl.plan.joins import JoinConfig, left_join
from arrowdsl.plan.nodes import Scan
from arrowdsl.plan.runner import run_plan_streamable
from arrowdsl.plan.source import DatasetSource, PlanCatalog
from arrowdsl.schema.infer import align_table_to_schema, infer_schema_or_registry
from arrowdsl.schema.schema import EncodingPolicy, SchemaMetadataSpec, SchemaTransform, empty_table

CALLS = pa.table({"call_id": ["c1", "c2", "c3"], "line": [4, 7, 9], "names": [["f", "g"], ["f"], None]})
LINES = CALLS.select(["call_id", "line"])


def test_an_empty_table_has_its_contract_in_its_metadata():
    spec = SchemaMetadataSpec(schema_metadata={b"contract_version": b"3"})
    assert empty_table(spec.apply(CALLS.schema)).schema.metadata == {b"contract_version": b"3"}


def test_a_table_is_aligned_and_encoded():
    target = pa.schema([("line", pa.int32()), ("call_id", pa.string()), ("path", pa.string())])
    aligned = SchemaTransform(schema=target, safe_cast=True, keep_extra_columns=False).apply(CALLS)
    assert EncodingPolicy(specs=()).apply(aligned).schema == target
    assert aligned["path"].null_count == 3


def test_call_sites_by_name_are_exploded_and_joined_back():
    exploded = explode_list_column(
        CALLS, parent_id_col="call_id", list_col="names", out_parent_col="call_id", out_value_col="qname"
    )
    assert exploded.to_pydict() == {"call_id": ["c1", "c1", "c2"], "qname": ["f", "g", "f"]}
    joined = left_join(exploded, LINES, JoinConfig(keys=("call_id",)))
    assert joined.to_pydict() == {**exploded.to_pydict(), "line": [4, 4, 7]}
    named = JoinConfig.on_keys(keys=["call_id"], left_output=["qname"], right_output=["line"])
    assert left_join(exploded, LINES, config=named).to_pydict() == {"qname": ["f", "g", "f"], "line": [4, 4, 7]}


def test_values_of_lists_are_flattened_and_made_distinct():
    structs = pa.table({"targets": [[{"qname": "b"}, {"qname": "a"}], [{"qname": "b"}], None]})
    names = flatten_list_struct_field(structs, list_col="targets", field="qname")
    assert names.to_pylist() == ["b", "a", "b"]
    assert distinct_sorted(names).to_pylist() == ["a", "b"]


@pytest.mark.parametrize("source", [LINES, DatasetSource(dataset=ds.dataset(LINES), spec=None)])
def test_a_plan_over_a_table_or_dataset_is_read_as_a_stream(source):
    with run_plan_streamable(Scan("calls"), PlanCatalog({"calls": source})) as reader:
        assert reader.read_all().equals(LINES)


def test_a_schema_is_inferred_and_other_tables_are_aligned_to_it():
    schema = infer_schema_or_registry("calls", [LINES])
    aligned = align_table_to_schema(LINES.select(["line"]), schema)
    assert aligned.to_pydict() == {"call_id": [None] * 3, "line": [4, 7, 9]}
