-- What a function calls, directly and through others: a row for each call, and for depth 0 the function itself.
-- unresolved: calls in the callee's own code that are not resolved.
create macro callees(source, depth := 3) as table
with recursive steps as materialized (select * from call_steps()),
edges as materialized (select distinct caller, callee from steps where not is_external),
reached(qname, distance) using key (qname) as (
    select source, 0
    union
    select edges.callee, min(reached.distance) + 1
    from reached join edges on edges.caller = reached.qname
    where reached.distance < depth and edges.callee not in (select qname from recurring.reached)
    group by edges.callee
), unresolved as (
    select caller as name, count(*) as sites from calls where callee is null group by all
), every as (
    select 0 as depth, null::varchar as caller, qname as callee, path, line, signature as source_line, 1::float as confidence
    from definitions where qname = source
    union all
    select reached.distance + 1, steps.caller, steps.callee, path, line, source_line, confidence
    from reached join steps on steps.caller = reached.qname
    where reached.distance < depth
)
select every.depth, every.caller, every.callee, path, line, source_line, confidence, coalesce(sites, 0) as unresolved
from every left join unresolved on name = every.callee
order by every.depth, path, line, every.callee
