"""LibCST is the referee: same calls, same definitions, same candidate names, but for its own errors."""

import functools
import unicodedata

import pytest
from extract_referee import account_of
from extract_rows import DEMO, STANDARD_LIBRARY, rows_of

from flight_client.extract import scan
from flight_client.extract.module_names import Module

LIBRARY = (
    "argparse.py",
    "enum.py",
    "json/decoder.py",
    "contextlib.py",
    "asyncio/tasks.py",
    "concurrent/futures/_base.py",
)
PATHS = [file.path for file in scan(DEMO) if not file.path.endswith(("broken.py", "generic.py"))] + list(LIBRARY)
NONE = frozenset({("builtins.None", "BUILTIN")})


@functools.cache
def both(path):
    """Our rows and LibCST's account of a file."""
    file = (STANDARD_LIBRARY if path in LIBRARY else DEMO) / path
    module = Module(name="pkg.mod", is_package=path.endswith("__init__.py"))
    rows = rows_of(file, module.name, is_package=module.is_package)
    return rows, account_of(rows["repo_files"][0]["text"], module)


def names(qnames):
    return frozenset((name["name"], name["source"]) for name in qnames)


def is_their_error(ours, theirs, row):
    """LibCST takes what is no name for the name None, does not normalise identifiers, and gives a result a name.

    It names ``f`` as the callee of the second call in ``f()()``.
    """
    if not ours and row["callee_shape"] == "CALL":
        return True
    if theirs == NONE:
        return "None" not in row["callee_text"] and all(source == "BUILTIN" for _, source in ours)
    return ours == {(normalised(name), source) for name, source in theirs}


def normalised(name):
    return unicodedata.normalize("NFKC", name)


@pytest.mark.parametrize("path", PATHS)
def test_call_spans(path):
    rows, account = both(path)
    assert {(row["call_bstart"], row["call_bend"]) for row in rows["cst_callsites"]} == account.calls.keys()


@pytest.mark.parametrize("path", PATHS)
def test_candidate_names(path):
    rows, account = both(path)
    for row in rows["cst_callsites"]:
        ours, theirs = names(row["callee_qnames"]), account.calls[row["call_bstart"], row["call_bend"]]
        assert ours == theirs or is_their_error(ours, theirs, row), row["callee_text"]


@pytest.mark.parametrize("path", PATHS)
def test_definitions(path):
    rows, account = both(path)
    kinds = {"function", "async_function", "class"}
    ours = {(r["def_bstart"], r["def_bend"]): names(r["qnames"]) for r in rows["cst_defs"] if r["kind"] in kinds}
    theirs = {
        span: frozenset((normalised(name), source) for name, source in found)
        for span, (_, found) in account.definitions.items()
    }
    assert ours == theirs


@pytest.mark.parametrize("path", PATHS)
def test_stored_names(path):
    rows, account = both(path)
    stored = {((r["bstart"], r["bend"]), r["name"]) for r in rows["cst_name_refs"] if r["expr_ctx"] == "STORE"}
    assert {(span, normalised(name)) for span, name in account.stored_names} <= stored
