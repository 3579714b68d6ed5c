"""Two ingests of one repo at once: both end well, and the repo is as one of them alone would have made it."""

from concurrent.futures import ThreadPoolExecutor

from serving_store import DEMO, ingested, rows_of, service_over


def test_the_slower_of_two_first_ingests_finds_the_work_done(tmp_path):
    service, alone = service_over(tmp_path / "both"), service_over(tmp_path / "alone")
    with ThreadPoolExecutor(2) as threads:
        done = list(threads.map(lambda _: ingested(service, DEMO), range(2)))
    ingested(alone, DEMO)
    assert {each.files for each in done} == {len(rows_of(alone, "repo_files"))}
    for table in ("repo_files", "cst_callsites", "callsite_qname_candidates"):
        assert rows_of(service, table).equals(rows_of(alone, table))
