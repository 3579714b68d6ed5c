-- What may change when a file or a definition changes: definitions that call it, name it or inherit from it, and those that
-- depend on these. how: the kind of the last step. changed: a path, or a qualified name with all that is inside it.
create macro impact(changed, depth := 20) as table
with recursive steps as materialized (
    select distinct caller as user, callee as used, 'calls' as how from call_steps() where not is_external
    union all
    select distinct referrer, qname, 'names' from "references" where def_id is not null and referrer is not null
    union all
    select qname, unnest(bases), 'inherits' from classes
), reached(qname, distance, how) using key (qname) as (
    select distinct qname, 0, 'changed' from definitions
    where path = changed or qname = changed or starts_with(qname, changed || '.')
    union
    select steps.user, min(reached.distance) + 1, min(steps.how)
    from reached join steps on steps.used = reached.qname
    where reached.distance < depth and steps.user not in (select qname from recurring.reached)
    group by steps.user
)
select distance as depth, reached.how, definitions.qname, definitions.kind, path, line, is_test
from reached join definitions on definitions.qname = reached.qname
order by distance, path, line
