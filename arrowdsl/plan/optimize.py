"""The optimizer: a tuple of rules. A rule is a function from plan to plan that preserves the rows and their order.

First, filters are pushed down to the scans. Then branches whose filter can't be true are dropped, common subexpressions
are marked as shared, and scans are narrowed to the columns that the nodes above them need.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import reduce

from arrowdsl.compute.expr import Column, Expr, Literal, columns, conjunction, conjuncts, substitute
from arrowdsl.compute.fold import fold, is_constant
from arrowdsl.plan.nodes import (
    Aggregate,
    Empty,
    Explode,
    Filter,
    Join,
    Kernel,
    Plan,
    Project,
    Ref,
    Scan,
    Shared,
    Sort,
    Unary,
    Union,
    inputs,
    with_inputs,
)
from arrowdsl.plan.schemas import schema_of
from arrowdsl.plan.source import Catalog

Rule = Callable[[Plan, Catalog], Plan]
Names = frozenset[str]
_NEVER = Literal(value=False)
_COSTLY = Aggregate | Explode | Join | Kernel | Ref | Scan | Sort | Union


def optimize(plan: Plan, catalog: Catalog) -> Plan:
    """The plan after all rules; the catalog has the schemas of its tables."""
    return reduce(lambda current, rule: rule(current, catalog), RULES, plan)


def push_filters(plan: Plan, catalog: Catalog) -> Plan:
    """Each term of a filter is applied as near to the scans as possible; a scan takes it as its own predicate."""
    pushed = with_inputs(plan, [push_filters(child, catalog) for child in inputs(plan)])
    match pushed:
        case Filter(child, predicate):
            return _push(child, conjuncts(predicate))
        case _:
            return pushed


def drop_empty(plan: Plan, catalog: Catalog) -> Plan:
    """A branch whose filter is never true becomes ``Empty``, and is removed from its union."""
    smaller = with_inputs(plan, [drop_empty(child, catalog) for child in inputs(plan)])
    match smaller:
        case Filter(_, predicate) | Scan(predicate=predicate) if predicate is not None and _is_never(predicate):
            return Empty(schema_of(plan, catalog))
        case Aggregate(keys=()):
            return smaller  # an aggregate without keys has a row even for an empty input
        case Unary(Empty()) | Join(Empty()):
            return Empty(schema_of(smaller, catalog))
        case Union(branches):
            rest = tuple(branch for branch in branches if not isinstance(branch, Empty))
            return rest[0] if len(rest) == 1 else Union(rest) if rest else branches[0]
        case _:
            return smaller


def share(plan: Plan, _: Catalog) -> Plan:
    """Plans with several readers are marked as shared, as are the scans of a table with several scans."""
    readers: Counter[Plan | str] = Counter()  # of plans, and of tables by name
    rest = [plan]
    while rest:
        node = rest.pop()
        found = node.table if isinstance(node, Scan) else node
        readers[found] += 1
        if readers[found] == 1 or not isinstance(node, _COSTLY):  # a shared plan runs once, so it reads its inputs once
            rest += inputs(node)

    def marked(node: Plan) -> Plan:
        over = with_inputs(node, [marked(child) for child in inputs(node)])
        found = node.table if isinstance(node, Scan) else node
        return Shared(over) if isinstance(node, _COSTLY) and readers[found] > 1 else over

    return marked(plan)


def prune_columns(plan: Plan, catalog: Catalog) -> Plan:
    """Scans read only the columns that the nodes above them need.

    A shared plan has the columns that any of its readers needs. A reader may itself be part of a shared plan, so the
    passes are repeated until no needed columns are added.
    """
    everything = frozenset(schema_of(plan, catalog).names)
    shared: dict[Plan, Names] = {}
    while True:
        pruning = _Pruning(catalog, shared)
        pruned = pruning.prune(plan, everything)
        if pruning.found == shared:
            return pruned
        shared = pruning.found


RULES: tuple[Rule, ...] = (push_filters, drop_empty, share, prune_columns)


def _is_never(term: Expr) -> bool:
    """Whether a term of a filter is false or null for every row."""
    return is_constant(term, value=False) or is_constant(term, value=None)


def _push(plan: Plan, terms: tuple[Expr, ...]) -> Plan:
    """The plan with the terms applied below its top wherever that gives the same rows."""
    predicate = fold(conjunction(terms))
    terms = conjuncts(predicate)
    match plan:
        case _ if is_constant(predicate, value=True):
            return plan
        case _ if any(map(_is_never, terms)):
            return Filter(plan, _NEVER)
        case Filter(child, inner):
            return _push(child, (*conjuncts(inner), *terms))
        case Project(child, outputs):
            meanings: dict[Expr, Expr] = {Column(name): expr for name, expr in outputs}
            return replace(plan, input=_push(child, tuple(substitute(term, meanings) for term in terms)))
        case Union(branches):
            return Union(tuple(_push(branch, terms) for branch in branches))
        case Sort(child):
            return replace(plan, input=_push(child, terms))
        case Explode(child, _, outputs):
            made = {name for name, _ in outputs}
            return _push_some(plan, child, terms, lambda term: not columns(term) & made)
        case Aggregate(child, keys):
            return _push_some(plan, child, terms, lambda term: frozenset() < columns(term) <= set(keys))
        case Kernel(child, function):
            return _push_some(plan, child, terms, lambda term: frozenset() < columns(term) <= function.passes)
        case Join(left):
            return _push_some(plan, left, terms, lambda term: columns(term) <= set(plan.left_output))
        case Scan(predicate=known):
            return replace(plan, predicate=fold(conjunction((*(() if known is None else (known,)), *terms))))
        case _:
            return Filter(plan, predicate)


def _push_some(plan: Plan, child: Plan, terms: Iterable[Expr], goes: Callable[[Expr], bool]) -> Plan:
    """The terms for which ``goes`` holds below the node's first input, the others above the node."""
    below: list[Expr] = []
    above: list[Expr] = []
    for term in terms:
        (below if goes(term) else above).append(term)
    if below:
        plan = with_inputs(plan, [_push(child, tuple(below)), *inputs(plan)[1:]])
    return Filter(plan, conjunction(above)) if above else plan


class _Pruning:
    """One pass over a plan. It starts with the needed columns of shared plans that the previous pass found."""

    def __init__(self, catalog: Catalog, shared: Mapping[Plan, Names]) -> None:
        self.catalog = catalog
        self.found = dict(shared)

    def prune(self, plan: Plan, needed: Names) -> Plan:
        """The plan with the needed columns; a shared plan also has the columns that its other readers need."""
        match plan:
            case Shared(Scan() as scan):
                return Shared(self.prune(scan, needed))
            case Shared(child):
                self.found[child] = self.found.get(child, frozenset()) | needed
                return Shared(self.prune(child, self.found[child]))
            case Scan(table, known):
                available = self.catalog.source(table).schema.names if known is None else known
                return replace(plan, columns=tuple(name for name in available if name in needed))
            case Filter(child, predicate):
                return replace(plan, input=self.prune(child, needed | columns(predicate)))
            case Project(child, outputs):
                wanted = tuple((name, expr) for name, expr in outputs if name in needed)
                read = frozenset[str]().union(*(columns(expr) for _, expr in wanted))
                return Project(self.prune(child, read), wanted)
            case Sort(child, keys):
                return replace(plan, input=self.prune(child, needed | {name for name, _ in keys}))
            case Aggregate(child, keys, measures):
                return replace(plan, input=self.prune(child, frozenset(keys) | {name for name, _, _ in measures}))
            case Explode(child, column, outputs):
                made = {name for name, _ in outputs}
                return replace(plan, input=self.prune(child, (needed - made) | {column}))
            case Kernel(child, function) if function.adds and not function.adds & needed:
                return self.prune(child, needed)
            case Kernel(child, function):
                passed = frozenset[str]() if function.replaces_columns else needed
                sides = zip(plan.sides, function.side_needs, strict=True)
                return replace(
                    plan,
                    input=self._exactly(child, passed | set(function.needs)),
                    sides=tuple(self._exactly(side, frozenset(needs)) for side, needs in sides),
                )
            case Join():
                return self._join(plan, needed)
            case Union(branches):
                return Union(tuple(_narrowed(self.prune(branch, needed), needed, self.catalog) for branch in branches))
            case Ref():
                names = schema_of(plan, self.catalog).names
                return replace(plan, columns=tuple(name for name in names if name in needed) or tuple(names[:1]))
            case Empty():
                return _narrowed(plan, needed, self.catalog)
            case _:
                return plan

    def _exactly(self, plan: Plan, needed: Names) -> Plan:
        """The pruned plan without the columns that only other readers need: a kernel gets just its own columns."""
        pruned = self.prune(plan, needed)
        return _narrowed(pruned, needed, self.catalog) if isinstance(plan, Shared) else pruned

    def _join(self, join: Join, needed: Names) -> Plan:
        """A name on both sides stays on both, since it determines the suffix; at least one column stays."""
        shared = set(join.left_output) & set(join.right_output)
        left_output = tuple(name for name in join.left_output if name in needed | shared)
        right_output = tuple(name for name in join.right_output if name in needed | shared)
        if not left_output and not right_output:
            left_output, right_output = join.left_output[:1], join.right_output[: not join.left_output]
        return replace(
            join,
            left=self.prune(join.left, frozenset(left_output) | set(join.left_keys)),
            right=self.prune(join.right, frozenset(right_output) | set(join.right_keys)),
            left_output=left_output,
            right_output=right_output,
        )


def _narrowed(plan: Plan, needed: Names, catalog: Catalog) -> Plan:
    """The plan without columns that only its own nodes need, since all branches of a union have one schema."""
    names = schema_of(plan, catalog).names
    return plan if needed >= set(names) else plan.select(*(name for name in names if name in needed))
