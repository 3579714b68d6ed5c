-- Who calls a function, directly and through others: a row for each call that leads to it, and for depth 0 the function itself.
-- unresolved: calls of the same name that are not resolved, so they may be calls of it as well.
create macro callers(target, depth := 3) as table
with recursive steps as materialized (select * from call_steps()),
edges as materialized (select distinct caller, callee from steps),
reached(qname, distance) using key (qname) as (
    select target, 0
    union
    select edges.caller, min(reached.distance) + 1
    from reached join edges on edges.callee = reached.qname
    where reached.distance < depth and edges.caller not in (select qname from recurring.reached)
    group by edges.caller
), unresolved as (
    select split_part(callee_text, '.', -1) as name, count(*) as sites from calls where callee is null group by all
), every as (
    select 0 as depth, null::varchar as caller, qname as callee, path, line, signature as source_line, 1::float as confidence
    from definitions where qname = target
    union all
    select reached.distance + 1, steps.caller, steps.callee, path, line, source_line, confidence
    from reached join steps on steps.callee = reached.qname
    where reached.distance < depth
)
select every.depth, every.caller, every.callee, path, line, source_line, confidence, coalesce(sites, 0) as unresolved
from every left join unresolved on name = split_part(every.callee, '.', -1)
order by every.depth, path, line, every.caller
