"""The agreement of the call graph with a SCIP index, over the call sites whose symbol is defined in the repo.

The symbol at the callee is resolved to a definition; a class, to the ``__init__`` or ``__new__`` that a call of the
class runs, which may be a base's. The first printed share counts the call sites whose targets in the graph include this
definition, the second those without another target. Then come the disagreeing call sites, by category, with examples.

    flight-server ingest ~/src --repo django --store /tmp/store --scip index.scip
    python benchmarks/agreement.py --store /tmp/store --repo django
"""

import argparse
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from flight_client import Client
from flight_server.cli.session import Target

DEFINITION = 1  # bit of symbol_roles
CALLEES = ("cst_callsites", "call_id", "callee_text")
CONSTRUCTORS = ("__init__().", "__new__().")
Row = dict[str, str]


@dataclass(frozen=True)
class Site:
    """A call site: its callee's name and symbol, the definitions of the symbol, and the targets in the graph."""

    name: str
    path: str
    start: int
    end: int
    symbol: str
    meant: frozenset[str]
    targets: frozenset[str]


def rows(client: Client, repo: str, dataset: str, *columns: str, **narrowed: list[str]) -> Iterator[Row]:
    """The rows of a dataset, a batch at a time."""
    with client.read(repo, dataset, columns=columns, **narrowed) as reader:
        for batch in reader:
            yield from batch.to_pylist()


def definitions(client: Client, repo: str) -> tuple[Mapping[str, set[str]], Mapping[str, set[str]], set[str]]:
    """Definitions by the symbol that their name defines, the symbols of each class's bases, and the ids of classes."""
    columns = ("def_id", "path", "kind", "name_bstart")
    found = [row for row in rows(client, repo, "cst_defs", *columns) if row["name_bstart"] is not None]
    named = {(row["path"], row["name_bstart"]): row["def_id"] for row in found}
    by_symbol, at_end = defaultdict[str, set[str]](set), {}
    for row in rows(client, repo, "rel_name_symbol", "path", "bstart", "bend", "symbol", "symbol_roles"):
        at_end[row["path"], row["bend"]] = row["symbol"]
        place = (row["path"], row["bstart"])
        if row["symbol_roles"] & DEFINITION and place in named and not row["symbol"].startswith("local "):
            by_symbol[row["symbol"]].add(named[place])
    bases = defaultdict[str, set[str]](set)
    for row in rows(client, repo, "cst_bases", "def_id", "path", "bend", "keyword"):
        if row["keyword"] is None and (row["path"], row["bend"]) in at_end:
            bases[row["def_id"]].add(at_end[row["path"], row["bend"]])
    above = {symbol: set().union(*(bases[each] for each in found)) for symbol, found in by_symbol.items()}
    return by_symbol, above, {row["def_id"] for row in found if row["kind"] == "class"}


def family(symbol: str, above: Mapping[str, set[str]]) -> set[str]:
    """The class and all its base classes."""
    found, waiting = {symbol}, [symbol]
    while waiting:
        new = above.get(waiting.pop(), set()) - found
        found |= new
        waiting += new
    return found


def sites(client: Client, repo: str) -> Iterator[Site]:
    """The call sites whose symbol is a function or class of the repo."""
    by_symbol, above, classes = definitions(client, repo)
    targets = defaultdict[str, set[str]](set)
    for row in rows(client, repo, "cpg_edges", "src_node_id", "dst_node_id", kinds=["PY_CALLS_DEF"]):
        targets[row["src_node_id"]].add(row["dst_node_id"])
    names = {row["call_id"]: row["callee_text"].rpartition(".")[2] for row in rows(client, repo, *CALLEES)}
    for row in rows(client, repo, "rel_callsite_symbol", "call_id", "path", "bstart", "bend", "symbol"):
        symbol = row["symbol"]
        meant = set(by_symbol.get(symbol, ()))
        if not meant:
            continue
        if meant & classes:
            for each in family(symbol, above):
                meant.update(*(by_symbol.get(each + name, ()) for name in CONSTRUCTORS))
        called = frozenset(targets.get(row["call_id"], ()))
        yield Site(
            names[row["call_id"]].strip(), row["path"], row["bstart"], row["bend"], symbol, frozenset(meant), called
        )


def category(site: Site, decorated: Iterable[str]) -> str:
    """The category of a disagreement: the kind of definition, and how the graph differs."""
    kind = "class" if site.symbol.endswith("#") else "method" if "#" in site.symbol else "function"
    shown = f"decorated {kind}" if site.meant & set(decorated) else kind
    if site.name != re.findall(r"\w+", site.symbol)[-1]:
        shown = f"{shown} by another name in the index"  # an alias, or an error of the indexer
    if not site.targets:
        return f"{shown}: no target"
    return f"{shown}: others beside it" if site.meant & site.targets else f"{shown}: others in its place"


def shown(site: Site, sources: Mapping[str, bytes]) -> str:
    """The call site in a line."""
    source = sources[site.path]
    call = " ".join(source[site.start : site.end].decode().split())
    found = ", ".join(sorted(each.partition(":")[2].partition(":")[2] for each in site.targets)) or "nothing"
    line = source.count(b"\n", 0, site.start) + 1
    return f"    {site.path}:{line}  {call[:60]}  is {site.symbol.split()[-1]}; found: {found[:120]}"


def report(client: Client, repo: str, samples: int) -> None:
    """Print both shares and the disagreements."""
    every = list(sites(client, repo))
    has = [site for site in every if site.meant & site.targets]
    exact = [site for site in has if site.targets <= site.meant]
    print(f"{len(every)} call sites whose symbol is defined in the repo")
    print(f"the graph has it:          {len(has) / len(every):.4f}")
    print(f"the graph has it alone:    {len(exact) / len(every):.4f}")
    sources = {
        row["path"]: row["text"].encode() for row in rows(client, repo, "repo_files", "path", "text") if row["text"]
    }
    decorated = {row["def_id"] for row in rows(client, repo, "cst_decorators", "def_id")}
    apart = defaultdict[str, list[Site]](list)
    for site in every:
        if not site.targets or not site.targets <= site.meant:
            apart[category(site, decorated)].append(site)
    for name, found in sorted(apart.items(), key=lambda pair: -len(pair[1])):
        print(f"{len(found):>6}  {name}")
        for site in found[:: len(found) // max(samples, 1) or 1][:samples]:
            print(shown(site, sources))


if __name__ == "__main__":
    arguments = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    arguments.add_argument("--server", help="the URI of a running server")
    arguments.add_argument("--store", type=Path, help="a store folder, without a server")
    arguments.add_argument("--repo", required=True)
    arguments.add_argument("--samples", type=int, default=4)
    given = arguments.parse_args()
    with Target(given.server, given.store).client() as connected:
        report(connected, given.repo, given.samples)
