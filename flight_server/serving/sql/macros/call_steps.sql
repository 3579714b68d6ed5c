-- Which function calls which, a row for each call. A call of a decorated function counts as a call of the function itself:
-- points-to says that it calls the decorator's wrapper, and the call has the function's name.
create macro call_steps() as table
with decorated as (
    select qname, name from definitions where len(decorators) > 0 and kind in ('function', 'async_function')
), wrappers as (
    select distinct inside.caller as wrapper, decorated.qname, decorated.name
    from calls inside join decorated on inside.callee = decorated.qname
    where split_part(inside.caller, '.', -1) <> decorated.name
), through as (
    select outside.* replace (wrappers.qname as callee), wrappers.wrapper
    from calls outside join wrappers on outside.callee = wrappers.wrapper
    where split_part(outside.callee_text, '.', -1) = wrappers.name
), steps as (
    select * from calls
    where not exists (select 1 from through where through.wrapper = calls.caller and through.callee = calls.callee)
    union all
    select * exclude wrapper from through
)
select caller, callee, path, line, source_line, arguments, confidence, is_external
from steps where caller is not null and callee is not null
