"""Joins, aggregates and sorts, run by Acero on one thread over tables with the rows of their inputs."""

from collections.abc import Iterable

import pyarrow as pa
from pyarrow import acero

from arrowdsl.plan.batches import Batches
from arrowdsl.plan.nodes import Aggregate, Join, Sort
from arrowdsl.plan.stopping import check_stopped
from arrowdsl.schema.schema import empty_table

Operator = Aggregate | Join | Sort


def operator_batches(node: Operator, tables: Iterable[pa.Table]) -> Batches:
    """The node's rows, computed on demand on one thread: several threads would read ahead without bound."""
    reader = _declaration(node, tables).to_reader(use_threads=False)  # a reader that is not closed drains its source
    first = next(reader, None)  # outside ``with``: closing a reader that failed to start aborts the process
    with reader:
        if first is not None:
            yield first
        for batch in reader:
            check_stopped()
            yield batch


def operator_schema(node: Operator, schemas: Iterable[pa.Schema]) -> pa.Schema:
    """The schema of the node's rows, found by running it on empty tables; raises ArrowException if it can't run."""
    return _declaration(node, map(empty_table, schemas)).to_table(use_threads=False).schema


def _declaration(node: Operator, tables: Iterable[pa.Table]) -> acero.Declaration:
    sources = [acero.Declaration("table_source", acero.TableSourceNodeOptions(table)) for table in tables]
    factory, options = _options(node)
    return acero.Declaration(factory, options, inputs=sources)


def _options(node: Operator) -> tuple[str, acero.ExecNodeOptions]:
    match node:
        case Aggregate(_, keys, measures):
            grouped = "hash_" if keys else ""
            targets = [(column, f"{grouped}{function}", None, name) for column, function, name in measures]
            return "aggregate", acero.AggregateNodeOptions(targets, keys=list(keys))
        case Sort(_, keys):
            return "order_by", acero.OrderByNodeOptions(list(keys))
        case Join():
            return "hashjoin", acero.HashJoinNodeOptions(
                node.kind,
                left_keys=list(node.left_keys),
                right_keys=list(node.right_keys),
                left_output=list(node.left_output),
                right_output=list(node.right_output),
                output_suffix_for_right=node.right_suffix,
            )
