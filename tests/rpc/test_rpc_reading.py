"""Reading over Flight: the forms of a request, schemas, endpoints, narrowing, batch sizes."""

import json

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from pyarrow import flight
from rpc_server import PIPELINE, callsites, command, name_refs, path, sample, starts, ticket

from flight_client.contracts.raw import RAW_TABLES
from flight_client.contracts.tables import TABLES

DATASETS = sorted(TABLES)


def endpoints_read(peer, info):
    return [peer.flight.do_get(endpoint.ticket).read_all() for endpoint in info.endpoints]


@pytest.mark.parametrize("name", ["cst_name_refs", "py_cst_name_refs_v3"])
def test_all_forms_of_a_request_mean_the_same(peer, name):
    by_path = peer.flight.get_flight_info(path("seeded", name))
    by_command = peer.flight.get_flight_info(command(repo="seeded", dataset=name))
    assert by_path.app_metadata == by_command.app_metadata
    assert [e.ticket for e in by_path.endpoints] == [e.ticket for e in by_command.endpoints]
    assert peer.flight.get_schema(path("seeded", name)).schema.equals(by_path.schema, check_metadata=True)
    assert peer.get("seeded", name).equals(pa.concat_tables(endpoints_read(peer, by_path)), check_metadata=True)


@pytest.mark.parametrize("dataset", DATASETS)
def test_info_schema_and_stream_agree_on_the_contracts_schema(peer, dataset):
    info = peer.flight.get_flight_info(path("seeded", dataset))
    stream = peer.open("seeded", dataset)
    stream.read_all()
    assert info.schema.equals(TABLES[dataset].schema, check_metadata=True)
    assert stream.schema.equals(info.schema, check_metadata=True)
    assert peer.flight.get_schema(path("seeded", dataset)).schema.equals(info.schema, check_metadata=True)


@pytest.mark.parametrize("dataset", DATASETS)
def test_columns_narrow_all_schemas_alike(peer, dataset):
    names = TABLES[dataset].schema.names
    wanted = [names[-1], names[0]]
    asked = command(repo="seeded", dataset=dataset, columns=wanted)
    info = peer.flight.get_flight_info(asked)
    assert info.schema.names == wanted
    assert info.schema.metadata == TABLES[dataset].schema.metadata
    assert peer.flight.get_schema(asked).schema.equals(info.schema, check_metadata=True)
    assert peer.open("seeded", dataset, columns=wanted).schema.equals(info.schema, check_metadata=True)


@pytest.mark.parametrize("table", RAW_TABLES)
def test_every_raw_table_can_be_put_and_got_back(peer, repo, table):
    data = sample(RAW_TABLES[table].schema)
    reply = peer.put(path(repo, table), data)
    assert reply == {"table": table, "rows": 1, "snapshot": 1}
    assert peer.get(repo, RAW_TABLES[table].contract).equals(data, check_metadata=True)


@pytest.mark.parametrize("table", RAW_TABLES)
def test_every_raw_table_can_be_put_empty(peer, repo, table):
    data = RAW_TABLES[table].schema.empty_table()
    assert peer.put(path(repo, RAW_TABLES[table].contract), data)["rows"] == 0
    assert peer.get(repo, table).equals(data, check_metadata=True)


def test_a_raw_table_that_was_never_put_reads_as_its_empty_table(peer):
    for table in sorted(set(RAW_TABLES) - {"cst_name_refs", "cst_callsites"}):
        assert peer.get("seeded", table).equals(RAW_TABLES[table].schema.empty_table(), check_metadata=True)


@pytest.mark.parametrize("dataset", ["cst_name_refs", "callsite_qname_candidates"])
def test_part_local_rows_have_an_endpoint_for_each_part(peer, dataset):
    info = peer.flight.get_flight_info(path("seeded", dataset))
    parts = [json.loads(endpoint.ticket.ticket)["parts"] for endpoint in info.endpoints]
    assert parts == [[0], [1], [2], [3]]
    assert info.ordered
    assert pa.concat_tables(endpoints_read(peer, info)).equals(peer.get("seeded", dataset))


@pytest.mark.parametrize("dataset", DATASETS)
def test_endpoints_one_by_one_give_the_rows_of_one_stream(peer, dataset):
    info = peer.flight.get_flight_info(path("seeded", dataset))
    assert pa.concat_tables(endpoints_read(peer, info)).equals(peer.get("seeded", dataset))


def test_total_records_are_told_where_they_are_known(peer):
    assert peer.flight.get_flight_info(path("seeded", "cst_name_refs")).total_records == 2000
    assert peer.flight.get_flight_info(path("seeded", "cst_defs")).total_records == 0
    unknown = command(repo="seeded", dataset="dim_qualified_names", limit=5)
    assert peer.flight.get_flight_info(unknown).total_records == -1
    part = command(repo="seeded", dataset="cst_name_refs", parts=[1])
    assert peer.flight.get_flight_info(part).total_records == peer.get("seeded", "cst_name_refs", parts=[1]).num_rows


def test_app_metadata_says_what_a_dataset_is(peer):
    info = peer.flight.get_flight_info(path("seeded", "callsite_qname_candidates"))
    metadata = json.loads(info.app_metadata)
    assert set(metadata.pop("cached")) <= set(range(4))
    assert metadata == {
        "contract": "callsite_qname_candidates_v1",
        "version": 1,
        "key": ["call_id", "qname"],
        "order": ["call_id", "qname"],
        "snapshot": 1,
        "parts": 4,
        "lineage": ["cst_callsites"],
        "tags": {"layer": "qnames", "kind": "output", "scope": "part", "stage": "outputs"},
        "summary": PIPELINE["callsite_qname_candidates"].summary,
    }


def test_canonical_order_and_limit_have_one_endpoint(peer):
    for keys in ({"order": "canonical"}, {"limit": 5}):
        info = peer.flight.get_flight_info(command(repo="seeded", dataset="cst_name_refs", **keys))
        assert len(info.endpoints) == 1


def test_list_flights_is_narrowed_by_criteria(peer):
    def listed(**criteria):
        return [flow.descriptor.path for flow in peer.flight.list_flights(json.dumps(criteria).encode())]

    assert listed(repo="seeded") == [[b"seeded", name.encode()] for name in PIPELINE if PIPELINE[name].spec]
    assert {name.decode() for _, name in listed(repo="seeded", kind="raw")} == set(RAW_TABLES)
    names = {name for _, name in listed(repo="seeded", layer="qnames")}
    assert names == {b"dim_qualified_names", b"callsite_qname_candidates"}
    assert listed(repo="seeded", layer="qnames", kind="raw") == []
    assert [b"seeded", b"violations"] in [flow.descriptor.path for flow in peer.flight.list_flights()]


def test_columns_come_in_the_order_asked_for(peer):
    found = peer.get("seeded", "cst_name_refs", columns=["bstart", "path"])
    assert found.equals(peer.get("seeded", "cst_name_refs").select(["bstart", "path"]))


def test_where_and_columns_work_on_columns_that_are_not_asked_for(peer):
    late = {"op": ">=", "args": [{"property": "bstart"}, 48]}
    in_files = {"op": "like", "args": [{"property": "path"}, "pkg/m1_.py"]}
    where = {"op": "and", "args": [late, in_files]}
    whole = peer.get("seeded", "cst_name_refs")
    wanted = whole.filter(pc.and_(pc.greater_equal(whole["bstart"], 48), pc.match_like(whole["path"], "pkg/m1_.py")))
    assert wanted.num_rows == 20
    assert peer.get("seeded", "cst_name_refs", columns=["name_ref_id"], where=where).equals(
        wanted.select(["name_ref_id"])
    )


@pytest.mark.parametrize("dataset", ["cst_name_refs", "callsite_qname_candidates", "dim_qualified_names"])
@pytest.mark.parametrize("limit", [0, 1, 7, 10**6, 2**63 - 1])
def test_a_limit_gives_the_first_rows(peer, dataset, limit):
    assert peer.get("seeded", dataset, limit=limit).equals(peer.get("seeded", dataset).slice(0, limit))


def test_parts_are_read_in_order_whatever_the_order_asked(peer):
    part = {number: peer.get("seeded", "cst_name_refs", parts=[number]) for number in range(4)}
    assert peer.get("seeded", "cst_name_refs", parts=[2, 0]).equals(pa.concat_tables([part[0], part[2]]))
    assert peer.get("seeded", "cst_name_refs", parts=["global"]).num_rows == 0


def test_a_filter_on_path_reads_the_parts_of_these_paths_only(peer):
    where = {"op": "in", "args": [{"property": "path"}, ["pkg/m3.py"]]}
    info = peer.flight.get_flight_info(command(repo="seeded", dataset="callsite_qname_candidates", where=where))
    assert len(info.endpoints) == 1
    assert set(peer.flight.do_get(info.endpoints[0].ticket).read_all()["path"].to_pylist()) == {"pkg/m3.py"}


@pytest.mark.parametrize("dataset", ["callsite_qname_candidates", "dim_qualified_names", "violations"])
def test_canonical_order_is_the_contracts_order_of_the_same_rows(peer, dataset):
    asked = peer.get("seeded", dataset, order="canonical")
    assert asked.equals(peer.get("seeded", dataset).sort_by(list(TABLES[dataset].order)))


@pytest.mark.parametrize("table", RAW_TABLES)
def test_canonical_order_of_a_raw_table_is_by_file_and_else_as_put(peer, repo, table):
    schema = RAW_TABLES[table].schema
    data = pa.concat_tables(sample(schema, name) for name in ("b.py", "a.py", "b.py"))
    peer.put(path(repo, table), data)
    wanted = data.sort_by("path") if "path" in schema.names else data
    assert peer.get(repo, table, order="canonical").equals(wanted)


def test_canonical_order_by_columns_that_are_not_asked_for(peer):
    whole = peer.get("seeded", "callsite_qname_candidates", order="canonical")
    assert peer.get("seeded", "callsite_qname_candidates", order="canonical", columns=["qname_source"], limit=9).equals(
        whole.select(["qname_source"]).slice(0, 9)
    )


def test_kinds_are_refused_where_there_are_none(peer):
    with pytest.raises(flight.FlightServerError, match="cst_name_refs has no kinds"):
        peer.open("seeded", "cst_name_refs", kinds=["PY_CALLS_DEF"])


def test_the_dimension_is_the_distinct_names_sorted(peer, repo):
    calls = [
        ("b.py", 1, [("z", "LOCAL"), ("", "LOCAL"), (None, "LOCAL")]),
        ("a.py", 2, [("é", "LOCAL"), ("z", "IMPORT"), ("A", "LOCAL")]),
        ("c.py", 3, []),
    ]
    peer.put(path(repo, "cst_callsites"), callsites(calls))
    found = peer.get(repo, "dim_qualified_names")
    assert found.to_pylist() == [{"qname_id": f"qname:{name}", "qname": name} for name in ("A", "z", "é")]


def test_a_key_that_occurs_twice_is_left_out_and_reported(peer, repo):
    peer.put(path(repo, "cst_callsites"), callsites([("a.py", 1, [("f", "LOCAL"), ("f", "IMPORT"), ("g", "LOCAL")])]))
    found = peer.get(repo, "callsite_qname_candidates")
    assert found.select(["qname", "qname_source"]).to_pylist() == [
        {"qname": "f", "qname_source": "IMPORT"},
        {"qname": "g", "qname_source": "LOCAL"},
    ]
    found = peer.get(repo, "violations").to_pylist()
    [violation] = [row for row in found if row["dataset"] == "callsite_qname_candidates"]
    assert (violation["part"], violation["check"]) == ("0", "key")
    assert (violation["row_key"], violation["rows"]) == ("call:a.py:1, f", 1)


def test_batches_are_at_most_64_ki_rows_and_4_mib(peer, repo):
    peer.put(path(repo, "cst_name_refs"), name_refs(("a.py", n) for n in range(150_000)))
    texts = RAW_TABLES["repo_files"].schema.empty_table().to_pylist()
    texts += [
        {"file_id": f"f{n}", "path": f"{n}.py", "file_sha256": "0", "text": "x" * size}
        for n, size in enumerate([3 << 20, 3 << 20, 6 << 20, 10])
    ]
    peer.put(path(repo, "repo_files"), pa.Table.from_pylist(texts, schema=RAW_TABLES["repo_files"].schema))
    refs = [chunk.data for chunk in peer.open(repo, "cst_name_refs")]
    files = [chunk.data for chunk in peer.open(repo, "repo_files")]
    assert all(batch.num_rows <= 64 * 1024 and batch.nbytes <= 4 << 20 for batch in refs)
    assert all(batch.nbytes <= 4 << 20 or batch.num_rows == 1 for batch in files)
    assert starts(pa.Table.from_batches(refs)) == [("a.py", n) for n in range(150_000)]
    assert sum(batch.num_rows for batch in files) == 4


def test_a_snapshot_stays_what_it_was_while_a_commit_lands_in_the_middle_of_a_stream(peer, repo):
    old = name_refs(("a.py", n) for n in range(400_000))
    peer.put(path(repo, "cst_name_refs"), old)
    pinned = peer.flight.get_flight_info(path(repo, "cst_name_refs")).endpoints[0].ticket
    stream = peer.open(repo, "cst_name_refs")
    first = stream.read_chunk().data
    assert peer.put(path(repo, "cst_name_refs"), name_refs([("b.py", 1)]))["snapshot"] == 2
    assert pa.Table.from_batches([first, *(chunk.data for chunk in stream)]).equals(old)
    assert peer.flight.do_get(pinned).read_all().equals(old)
    assert peer.get(repo, "cst_name_refs", snapshot=1).equals(old)
    assert starts(peer.get(repo, "cst_name_refs")) == [("b.py", 1)]


def test_a_ticket_may_be_written_by_hand(peer):
    by_hand = flight.Ticket(b'{"dataset" : "cst_name_refs",\n "repo": "seeded", "limit": 1}')
    assert peer.flight.do_get(by_hand).read_all().num_rows == 1
    assert peer.flight.do_get(ticket(repo="seeded", dataset="cst_name_refs", limit=1)).read_all().num_rows == 1


def test_a_read_takes_one_short_line_of_the_log(peer, caplog):
    long = {"op": "in", "args": [{"property": "path"}, [f"pkg/m{number}.py" for number in range(100_000)]]}
    with caplog.at_level("INFO", logger="flight_server"):
        peer.get("seeded", "cst_name_refs", where=long)
        peer.act("stats")
    [line] = [record.getMessage() for record in caplog.records if record.getMessage().startswith("do_get")]
    assert len(line) < 1024
    assert line.startswith("do_get seeded/cst_name_refs: 2000 rows, ")


def test_a_dictionary_is_sent_once_for_all_batches(peer, repo):
    peer.put(path(repo, "cst_callsites"), callsites([("a.py", start, [("f", "LOCAL")]) for start in range(70_000)]))
    stream = peer.open(repo, "cpg_nodes")
    encoded = [field for field in stream.schema if pa.types.is_dictionary(field.type)]
    assert encoded
    assert len(stream.read_all().to_batches()) > 1
    assert stream.stats.num_dictionary_batches == len(encoded)
