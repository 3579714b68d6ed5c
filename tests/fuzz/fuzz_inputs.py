"""Inputs: documents that are nearly right, and bytes that were right before they were altered."""

import json
import os
from random import Random

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

# FUZZ_EXAMPLES=10000 runs for hours; the default is a small run for each commit. Each example has ALTERED inputs.
EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "25"))
ALTERED = 16
fuzzing = settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))

REPOS = ["seeded", "fuzzed", "nope", "", "..", "a/b", "\0", "é", "x" * 300]
DATASETS = ["cst_name_refs", "cst_defs", "definitions", "call_graph", "cpg_props", "nope", "", "violations"]
COLUMNS = ["path", "bstart", "name", "line", "nope", "", "*"]
TOKENS = [
    b"{",
    b"}",
    b"[",
    b"]",
    b'"',
    b"\\",
    b"null",
    b"-1",
    b"1e999",
    b"\\ud800",
    b"\0",
    b"\xff",
    b"9" * 40,
    b"'",
    b";",
]

scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(),
    st.text(max_size=20),
    st.sampled_from([*REPOS, *COLUMNS]),
)
values = st.recursive(
    scalars, lambda v: st.lists(v, max_size=4) | st.dictionaries(st.text(max_size=8), v, max_size=4), max_leaves=8
)
OPERATORS = ["and", "or", "not", "=", "<>", "<", "<=", ">", ">=", "in", "between", "like", "isNull", "casei", "nope"]
properties = st.builds(lambda name: {"property": name}, st.sampled_from(COLUMNS) | st.text(max_size=5))
operands = properties | scalars | st.lists(scalars, max_size=5)


def _calls(operators: list[str], arguments: st.SearchStrategy[object]) -> st.SearchStrategy[object]:
    return st.builds(
        lambda op, args: {"op": op, "args": args}, st.sampled_from(operators), st.lists(arguments, max_size=4)
    )


filters = st.recursive(
    _calls(OPERATORS, operands), lambda inner: _calls(["and", "or", "not", "="], inner | operands), max_leaves=10
)
WORDS = [*COLUMNS[:4], *OPERATORS, *"(),'\"\n\0", "'a'", "1", "-2.5", "null", "true", "is", "'%x_'", "éλ"]
filter_texts = st.lists(st.sampled_from(WORDS), max_size=14).map(" ".join) | st.text(max_size=30)


def _document(required: dict[str, object], optional: dict[str, object]):
    return st.fixed_dictionaries(required, optional=optional)


tickets = _document(
    {"repo": st.sampled_from(REPOS) | values, "dataset": st.sampled_from(DATASETS) | values},
    {
        "columns": st.lists(st.sampled_from(COLUMNS), max_size=4) | values,
        "where": filters | filter_texts | values,
        "limit": st.integers(-2, 10) | values,
        "order": st.just("canonical") | values,
        "snapshot": st.integers(-1, 3) | values,
        "parts": st.lists(st.integers(-1, 5) | st.just("global"), max_size=3) | values,
        "kinds": st.lists(st.text(max_size=5), max_size=3) | values,
        "compression": st.sampled_from(["lz4", "zstd", "gzip"]) | values,
        "props": st.just("all") | values,
        "extra": values,
    },
)
bodies = _document(
    {},
    {
        "repo": st.sampled_from([*REPOS[1:], "fuzzed"]) | values,
        "txn": st.text(max_size=10) | values,
        "files": st.integers(-1, 1000) | values,
        "rows": st.dictionaries(st.sampled_from(DATASETS), st.integers(-1, 5), max_size=2) | values,
        "removed": st.lists(st.text(max_size=5), max_size=2) | values,
        "note": st.dictionaries(st.text(max_size=4), st.text(max_size=4), max_size=2) | values,
        "snapshot": st.integers(-1, 3) | values,
        "pinned": values,
        "keep": st.integers(-1, 2) | values,
        "grace": values,
        "call": values,
        "quick": values,
        "repair": values,
        "dataset": st.sampled_from(DATASETS),
    },
)
SQL = """select from where count ( ) * , cst_name_refs path bstart group by order limit 1 'a' ? $1 with recursive union
all join on = < null read_csv copy attach set pragma -- /* */ ; . :: cast as int x[1] {'a':1} explain describe values
lateral generate_series 1e400 range(3)"""
sql_texts = st.lists(st.sampled_from(SQL.split()), max_size=16).map(" ".join) | st.text(max_size=40)
seeds = st.integers(0, 2**32)


def encoded(document: object) -> bytes:
    return json.dumps(document).encode()


def altered(data: bytes, seed: int) -> list[bytes]:
    """The data, and variants of it: bytes flipped, cut, doubled, moved or replaced by tokens."""
    random = Random(seed)
    return [data, *(_altered(data, random) for _ in range(ALTERED))]


def _altered(data: bytes, random: Random) -> bytes:
    made = bytearray(data)
    for _ in range(random.choice((1, 1, 1, 2, 4, 8))):
        place = random.randrange(len(made) + 1)
        end = min(len(made), place + random.choice((1, 1, 2, 4, 8, 64)))
        match random.randrange(7):
            case 0 if place < len(made):
                made[place] ^= 1 << random.randrange(8)
            case 1:
                del made[place:end]
            case 2:
                made[place:place] = made[place:end]
            case 3:
                made[place:place] = random.choice(TOKENS)
            case 4:
                made[place:end] = random.randbytes(end - place)
            case 5:
                made[place:end] = random.choice((b"\0", b"\xff", b"\x7f")) * (end - place)
            case 6:
                del made[place:]
    return bytes(made)
