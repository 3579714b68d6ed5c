"""Tickets, descriptors, commands, actions, filters and SQL that are wrong in every way: each gets a clean answer."""

from fuzz_inputs import (
    ALTERED,
    DATASETS,
    REPOS,
    altered,
    bodies,
    encoded,
    filter_texts,
    filters,
    fuzzing,
    seeds,
    sql_texts,
    tickets,
    values,
)
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import flight

from flight_server.rpc.actions import ACTIONS
from flight_server.rpc.flight_sql.sql_messages import _MESSAGES, packed
from flight_server.rpc.sql_door import FLIGHT_SQL_ACTIONS


def read(server, ticket: bytes) -> None:
    server.ask(lambda: server.flight.do_get(flight.Ticket(ticket)).read_all())


@fuzzing
@given(tickets, seeds)
def test_tickets(server, ticket, seed):
    for data in altered(encoded(ticket), seed):
        read(server, data)


@fuzzing
@given(st.binary(max_size=200), st.lists(st.sampled_from([*REPOS, *DATASETS]) | st.binary(max_size=20), max_size=4))
def test_descriptors(server, command, path):
    for descriptor in (flight.FlightDescriptor.for_command(command), flight.FlightDescriptor.for_path(*path)):
        server.ask(lambda each=descriptor: server.flight.get_flight_info(each))
        server.ask(lambda each=descriptor: server.flight.get_schema(each))


@fuzzing
@given(tickets, seeds)
def test_commands(server, ticket, seed):
    for data in altered(encoded(ticket), seed)[: ALTERED // 4]:
        descriptor = flight.FlightDescriptor.for_command(data)
        server.ask(lambda each=descriptor: server.flight.get_flight_info(each))
        server.ask(lambda each=descriptor: server.flight.get_schema(each))


@fuzzing
@given(st.dictionaries(st.sampled_from(["repo", "kind", "layer", "x"]), values), seeds)
def test_criteria(server, criteria, seed):
    for data in altered(encoded(criteria), seed)[: ALTERED // 4]:
        server.ask(lambda each=data: list(server.flight.list_flights(each)))


@fuzzing
@given(st.sampled_from([*ACTIONS, *FLIGHT_SQL_ACTIONS]) | st.text(max_size=20), bodies, seeds)
def test_actions(server, name, body, seed):
    for data in altered(encoded(body), seed):
        if b"seeded" not in data:
            server.ask(lambda each=data: list(server.flight.do_action(flight.Action(name, each))))


@fuzzing
@given(filters)
def test_filters_as_json(server, where):
    read(server, encoded({"repo": "seeded", "dataset": "cst_name_refs", "limit": 3, "where": where}))


@fuzzing
@given(filter_texts, seeds)
def test_filters_as_text(server, where, seed):
    for text in altered(where.encode(), seed):
        read(
            server,
            encoded({"repo": "seeded", "dataset": "cst_name_refs", "limit": 3, "where": text.decode(errors="replace")}),
        )


@fuzzing
@given(sql_texts, values)
def test_sql(server, query, parameters):
    read(server, encoded({"sql": query, "repo": "seeded", "parameters": parameters}))


@fuzzing
@given(st.sampled_from([name for name in _MESSAGES if name.startswith(("Command", "Action"))]), sql_texts, seeds)
def test_messages_of_flight_sql(server, name, query, seed):
    fields = {"query": query} if _MESSAGES[name].startswith("query") else {}
    for data in altered(packed(name, **fields), seed):
        descriptor = flight.FlightDescriptor.for_command(data)
        server.ask(lambda each=descriptor: server.flight.get_flight_info(each))
        read(server, data)
