-- How a value gets from a source to a sink: the steps of a shortest path to each argument of a call of the sink.
-- source: a pattern for the name of a function whose results are meant, or of a parameter or variable.
-- sink: a pattern for the name of a function whose arguments are meant, or for a callee as it is written.
create macro paths(source, sink, depth := 30) as table
with recursive nodes as materialized (
    select node_id, node_kind, name, path, line from cpg_nodes
    where node_kind in ('CST_CALLSITE', 'CST_ARG', 'CST_PARAM', 'PY_BINDING', 'CST_DEF', 'CST_DECORATOR', 'AST_NODE')
), called as materialized (
    select call_id from calls where callee like source or callee_text like source
), starts as (
    select call_id as node_id from called where call_id is not null
    union
    select dst_node_id from cpg_edges
    where edge_kind = 'DEF_SITE_OF' and dst_node_id in (select node_id from nodes where name like source)
), flows as materialized (
    select distinct src_node_id as origin, dst_node_id as target from cpg_edges where edge_kind = 'FLOWS_TO'
), ends as materialized (
    select src_node_id as node_id from cpg_edges
    where edge_kind = 'ARGUMENT_OF'
      and dst_node_id in (select call_id from calls where callee like sink or callee_text like sink)
), reached(node_id, distance, steps) using key (node_id) as (
    select node_id, 0, [node_id] from starts
    union
    select flows.target, min(reached.distance) + 1, arg_min(list_append(reached.steps, flows.target), reached.distance)
    from reached join flows on flows.origin = reached.node_id
    where reached.distance < depth and flows.target not in (select node_id from recurring.reached)
    group by flows.target
), found as (
    select reached.node_id as arrives, steps from reached join ends on ends.node_id = reached.node_id
), listed as (
    select arrives, unnest(steps) as node_id, generate_subscripts(steps, 1) as step from found
)
select dense_rank() over (order by arrives) as number, step, node_kind as kind, name, path, line
from listed left join nodes on nodes.node_id = listed.node_id
order by number, step
