"""Serving, measured: each stage compares this server with another way to the same rows, side by side in one run.

    flight-server ingest ~/src/django --store /tmp/bench        (and other repos to be read)
    python benchmarks/serve.py synthetic --store /tmp/bench
    python benchmarks/serve.py limit --store /tmp/bench --output django/cpg_edges

A ratio is printed with its goal, the machine at the head.
"""

import argparse
import json
from dataclasses import asdict
from pathlib import Path

from stages import engines, limit, machine, plans, puts, quack, readers, synthetic

STAGES = {
    "limit": "cached output over one stream against a bare Flight server",
    "quack": "against DuckDB's Quack protocol",
    "plans": "outputs that are not cached against DuckDB in this process",
    "engines": "DuckDB and Polars, remote against local",
    "readers": "slow readers' memory, and many fast ones",
    "puts": "a put against a local file",
}


def main() -> None:
    """Run a stage."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    stages = parser.add_subparsers(dest="stage", required=True)
    for name, what in {"synthetic": "make the table of 32 bytes a row", **STAGES}.items():
        stages.add_parser(name, help=what).add_argument("--store", type=Path, required=True)
    stages.choices["synthetic"].add_argument("--rows", type=int, default=20_000_000)
    stages.choices["quack"].add_argument("--python", type=Path, required=True, help="that has duckdb-extension-quack")
    for name in ("limit", "quack", "readers"):
        stages.choices[name].add_argument("--output", required=True, metavar="REPO/DATASET", help="the largest output")
    for name in ("read", "hammer"):  # parts of stages, in processes of their own
        part = stages.add_parser(name)
        part.add_argument("uri")
        part.add_argument("request", type=json.loads)
    stages.choices["hammer"].add_argument("expected")
    _run(parser.parse_args())


def _run(arguments: argparse.Namespace) -> None:
    if arguments.stage in {"synthetic", *STAGES}:
        print(machine.describe(), flush=True)
    match arguments.stage:
        case "synthetic":
            synthetic.run(arguments.store, arguments.rows)
        case "limit":
            limit.run(arguments.store, arguments.output)
        case "quack":
            quack.run(arguments.store, arguments.output, arguments.python)
        case "plans":
            plans.run(arguments.store)
        case "engines":
            engines.run(arguments.store)
        case "readers":
            readers.run(arguments.store, arguments.output)
        case "puts":
            puts.run(arguments.store)
        case "read":
            print(json.dumps(asdict(machine.drain(arguments.uri, arguments.request))))
        case "hammer":
            readers.hammer(arguments.uri, arguments.request, arguments.expected)


if __name__ == "__main__":
    main()
