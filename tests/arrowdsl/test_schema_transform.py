import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from arrowdsl.errors import MESSAGE_LENGTH, NullValueError, SchemaMismatchError, UnknownColumnError
from arrowdsl.schema.infer import align_table_to_schema, infer_schema_or_registry
from arrowdsl.schema.schema import (
    DICTIONARY,
    EncodingPolicy,
    EncodingSpec,
    SchemaMetadataSpec,
    SchemaTransform,
    TableSpec,
    columns_of,
    empty_table,
    plain,
    rebuilt,
)

SCHEMA = pa.schema(
    [
        pa.field("id", pa.int32(), nullable=False, metadata={"unit": "row"}),
        ("name", pa.string()),
        ("tags", pa.list_(pa.string())),
    ],
    metadata={"contract": "t_v1", "contract_version": "1"},
)


def exactly(schema):
    return lambda table: table.schema.equals(schema, check_metadata=True)


def test_an_empty_table_has_metadata_and_dictionary_types():
    schema = SCHEMA.append(pa.field("kind", DICTIONARY, nullable=False))
    assert empty_table(schema).num_rows == 0
    assert exactly(schema)(empty_table(schema))


def test_a_plain_schema_has_strings_for_dictionaries_and_is_otherwise_the_same():
    schema = SCHEMA.append(pa.field("kind", DICTIONARY, nullable=False))
    assert plain(schema).equals(SCHEMA.append(pa.field("kind", pa.string(), nullable=False)), check_metadata=True)


def test_given_metadata_wins_and_the_schemas_own_stays():
    merged = SchemaMetadataSpec(schema_metadata={"contract": "t_v2", "made_by": "me"}).apply(SCHEMA)
    assert merged.metadata == {b"contract": b"t_v2", b"contract_version": b"1", b"made_by": b"me"}
    assert SchemaMetadataSpec({"a": "b"}).apply(pa.schema([])).metadata == {b"a": b"b"}


def test_columns_come_in_the_schemas_order_with_its_types_and_metadata():
    table = pa.table({"extra": [1], "tags": [["x"]], "id": pa.array([7], pa.int64()), "name": ["n"]})
    aligned = SchemaTransform(schema=SCHEMA).apply(table)
    assert exactly(SCHEMA)(aligned)
    assert aligned.to_pylist() == [{"id": 7, "name": "n", "tags": ["x"]}]


def test_an_absent_nullable_column_is_null():
    aligned = align_table_to_schema(pa.table({"id": [1, 2]}), SCHEMA)
    assert aligned.to_pylist() == [{"id": 1, "name": None, "tags": None}, {"id": 2, "name": None, "tags": None}]


def test_extra_columns_are_kept_behind_the_others_when_asked_for():
    transform = SchemaTransform(schema=SCHEMA, keep_extra_columns=True)
    table = pa.table({"b": [1.5], "id": [1], "a": ["x"]})
    aligned = transform.apply(table)
    assert aligned.column_names == ["id", "name", "tags", "b", "a"]
    assert exactly(transform.output_schema(table.schema))(aligned)
    assert aligned.schema.metadata == SCHEMA.metadata


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (pa.array([2**40]), "column id: int64 can't be cast to int32"),
        (pa.array([1.5]), "column id: double can't be cast to int32"),
        (pa.array(["x"]), "column id: string can't be cast to int32"),
        (pa.array([{"a": 1}]), "can't be cast to int32"),
        (pa.array([[("k", "v")]], pa.map_(pa.string(), pa.string())), "can't be cast to int32"),
    ],
)
def test_a_cast_that_loses_something_is_refused(values, message):
    with pytest.raises(SchemaMismatchError, match=message):
        SchemaTransform(schema=SCHEMA).apply(pa.table({"id": values}))


def test_an_unsafe_cast_truncates():
    transform = SchemaTransform(schema=SCHEMA, safe_cast=False)
    assert transform.apply(pa.table({"id": [1.7, 2.0]}))["id"].to_pylist() == [1, 2]


@pytest.mark.parametrize(
    ("column", "message"),
    [
        ({"name": ["x"]}, "required columns are missing: id; given: name"),
        ({"id": pa.array([[1]])}, "can't be cast to int32"),
    ],
)
def test_what_no_row_could_mend_is_known_before_the_first(column, message):
    with pytest.raises(SchemaMismatchError, match=message):
        SchemaTransform(schema=SCHEMA).check(pa.table(column).schema)


def test_repeated_columns_are_refused():
    table = pa.Table.from_arrays([pa.array([1]), pa.array([2])], names=["id", "id"])
    with pytest.raises(SchemaMismatchError, match="columns appear more than once: id"):
        SchemaTransform(schema=SCHEMA).apply(table)


@pytest.mark.parametrize("kind", [pa.int32(), pa.int64(), pa.null(), pa.dictionary(pa.int8(), pa.int32())], ids=str)
def test_nulls_in_a_required_column_are_refused(kind):
    with pytest.raises(NullValueError, match="column id is required and has 1 nulls"):
        SchemaTransform(schema=SCHEMA).apply(pa.table({"id": pa.array([None], kind)}))


@pytest.mark.parametrize(
    ("kind", "wanted"),
    [
        (pa.large_string(), pa.string()),
        (pa.string_view(), pa.string()),
        (pa.dictionary(pa.int8(), pa.string()), pa.string()),
        (pa.dictionary(pa.int32(), pa.large_string()), pa.string()),
        (pa.string(), DICTIONARY),
        (pa.large_list(pa.large_string()), pa.list_(pa.string())),
        (pa.list_view(pa.string()), pa.list_(pa.string())),
        (pa.large_list_view(pa.string_view()), pa.list_(pa.string())),
    ],
    ids=str,
)
def test_other_libraries_strings_and_lists_are_taken(kind, wanted):
    values = ["a", None, "b"] if not pa.types.is_nested(wanted) else [["a"], None, [], ["b", None]]
    column = pa.chunked_array([pa.array(values[:1], kind), pa.array(values[1:], kind)])
    aligned = SchemaTransform(schema=pa.schema([("x", wanted)])).apply(pa.table({"x": column}))
    assert aligned.schema.field("x").type == wanted
    assert aligned["x"].to_pylist() == values


def test_list_views_inside_other_types_are_refused():
    table = pa.table({"x": pa.array([{"a": [1]}], pa.struct([("a", pa.list_view(pa.int64()))]))})
    with pytest.raises(SchemaMismatchError, match="has list views inside"):
        SchemaTransform(schema=pa.schema([("x", pa.struct([("a", pa.list_(pa.int64()))]))])).apply(table)


@given(st.permutations(["id", "name", "tags", "more"]), st.integers(0, 3))
def test_alignment_does_not_depend_on_the_order_of_columns(order, rows):
    columns = {
        "id": pa.array(range(rows), pa.int16()),
        "name": ["n"] * rows,
        "tags": [["t"]] * rows,
        "more": [0] * rows,
    }
    table = pa.table({name: columns[name] for name in order})
    aligned = align_table_to_schema(table, SCHEMA)
    assert exactly(SCHEMA)(aligned)
    assert aligned["id"].to_pylist() == list(range(rows))
    assert exactly(SCHEMA)(align_table_to_schema(aligned, SCHEMA))


def test_narrowing_a_schema_keeps_the_order_named_and_metadata():
    narrowed = columns_of(SCHEMA, ["name", "id"])
    assert (narrowed.names, narrowed.metadata) == (["name", "id"], SCHEMA.metadata)
    with pytest.raises(UnknownColumnError, match="unknown columns: z; columns: id, name, tags"):
        columns_of(SCHEMA, ["id", "z"])


def test_a_batch_takes_the_nullability_and_metadata_of_a_schema():
    schema = columns_of(SCHEMA, ["id"])
    assert exactly(schema)(rebuilt(pa.record_batch({"id": pa.array([1], pa.int32())}), schema))
    rows_alone = pa.table({"a": [1, 2]}).select([]).to_batches()[0]
    assert rebuilt(rows_alone, pa.schema([])).num_rows == 2


def test_a_table_spec_knows_what_its_schema_says():
    schema = SCHEMA.append(pa.field("kind", DICTIONARY))
    spec = TableSpec("t", "t_v1", schema, "raw", vocabularies={"kind": ("a", "b")})
    assert (spec.version, spec.required) == (1, ("id",))
    assert spec.plain_schema.equals(plain(schema), check_metadata=True)
    encoded = spec.encoding.apply(empty_table(spec.plain_schema))
    assert exactly(schema)(encoded)


TEXT = {"string": pa.string(), "large": pa.large_string(), "view": pa.string_view(), "encoded": DICTIONARY}
KINDS = EncodingPolicy(specs=(EncodingSpec("kind", ("a", "b", "c")),))


@pytest.mark.parametrize("kind", TEXT.values(), ids=TEXT)
def test_a_constant_vocabulary_is_the_dictionary_of_every_chunk(kind):
    chunks = [pa.array(["b", None], kind), pa.array([], kind), pa.array(["c", "b"], kind)]
    table = pa.table({"n": range(4), "kind": pa.chunked_array(chunks)})
    encoded = KINDS.apply(table)
    assert encoded.schema.field("kind").type == DICTIONARY
    assert encoded["kind"].to_pylist() == ["b", None, "c", "b"]
    assert {tuple(chunk.dictionary.to_pylist()) for chunk in encoded["kind"].chunks} == {("a", "b", "c")}
    assert encoded.column_names == table.column_names


def test_encoding_keeps_nullability_and_metadata():
    schema = pa.schema([pa.field("kind", pa.string(), nullable=False, metadata={"a": "b"})], metadata={"c": "d"})
    encoded = KINDS.apply(pa.table({"kind": ["a"]}, schema=schema))
    assert exactly(pa.schema([schema.field(0).with_type(DICTIONARY)], metadata=schema.metadata))(encoded)


def test_without_a_vocabulary_all_chunks_share_one_dictionary():
    table = pa.table({"kind": pa.chunked_array([["x", "y"], ["y", None, "z"]])})
    encoded = EncodingPolicy(specs=(EncodingSpec("kind"),)).apply(table)["kind"]
    assert encoded.to_pylist() == ["x", "y", "y", None, "z"]
    assert {tuple(chunk.dictionary.to_pylist()) for chunk in encoded.chunks} == {("x", "y", "z")}


def test_a_value_outside_the_vocabulary_is_refused_by_name():
    with pytest.raises(SchemaMismatchError, match="column kind: x, y not in its vocabulary; allowed: a, b, c"):
        KINDS.apply(pa.table({"kind": ["a", "x", None, "y", "x"]}))


def test_a_column_of_numbers_has_no_vocabulary():
    with pytest.raises(SchemaMismatchError, match="column kind: int64 has no values of a vocabulary"):
        KINDS.apply(pa.table({"kind": [1]}))


@pytest.mark.parametrize("policy", [KINDS, EncodingPolicy(specs=(EncodingSpec("kind"),))])
@pytest.mark.parametrize(
    "column", [pa.array([], pa.string()), pa.chunked_array([], pa.string()), pa.array([None], pa.string())]
)
def test_no_values_are_encoded_too(policy, column):
    encoded = policy.apply(pa.table({"kind": column}))
    assert encoded.schema.field("kind").type == DICTIONARY
    assert encoded["kind"].to_pylist() == column.to_pylist()


def test_a_column_that_the_table_does_not_have_is_passed_over():
    assert KINDS.apply(pa.table({"n": [1]})).to_pydict() == {"n": [1]}


def test_inferred_columns_are_promoted_and_come_as_they_appear():
    tables = [pa.table({"a": pa.array([1], pa.int32())}), pa.table({"b": ["x"], "a": [1.5]}), pa.table({})]
    assert infer_schema_or_registry("t", tables) == pa.schema([("a", pa.float64()), ("b", pa.string())])


def test_tables_without_some_of_the_inferred_columns_can_be_aligned():
    required = pa.table({"a": [1]}, schema=pa.schema([pa.field("a", pa.int64(), nullable=False)]))
    other = pa.table({"b": ["x"]})
    schema = infer_schema_or_registry("t", [required, other])
    assert align_table_to_schema(other, schema).to_pylist() == [{"a": None, "b": "x"}]


def test_a_registered_schema_comes_first_and_wins():
    schema = infer_schema_or_registry("t", [pa.table({"more": [1], "id": ["7"]})], registry={"t": SCHEMA})
    assert schema.names == ["id", "name", "tags", "more"]
    assert schema.field("id").type == pa.int32()
    assert schema.metadata == SCHEMA.metadata
    assert infer_schema_or_registry("t", [], registry={"t": SCHEMA}).equals(SCHEMA, check_metadata=True)


@pytest.mark.parametrize(
    ("tables", "message"),
    [
        ([], "no schema for t: no table to infer one from, and none is registered"),
        ([pa.table({})], "no schema for t"),
        ([pa.table({"a": [1]}), pa.table({"a": [[1]]})], "the tables of t have no common schema"),
    ],
)
def test_tables_without_a_common_schema_are_refused(tables, message):
    with pytest.raises(SchemaMismatchError, match=message):
        infer_schema_or_registry("t", tables)


def test_messages_are_short_enough_for_a_header():
    with pytest.raises(UnknownColumnError) as refused:
        columns_of(SCHEMA, ["x" * 100_000])
    assert len(refused.value.message) == len(str(refused.value)) == MESSAGE_LENGTH + 1
