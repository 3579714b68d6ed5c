"""Patterns of ``match`` to facts: a name captures the subject, or a part of it."""

import ast

from flight_client.extract.flow_context import FlowContext
from flight_client.extract.flow_targets import Key, key, star_of
from flight_client.extract.places import Place


def match_pattern(flow: FlowContext, node: ast.pattern, subject: Place | None) -> None:
    """Lower a pattern that is matched against the value at ``subject``."""
    match node:
        case ast.MatchAs():
            if node.pattern is not None:
                match_pattern(flow, node.pattern, subject)
            if node.name is not None:
                place = flow.bound_place(node, node.name)
                flow.copy(place, subject, "assign")
                _narrow(flow, place, node.pattern)
        case ast.MatchOr():
            for pattern in node.patterns:
                match_pattern(flow, pattern, subject)
        case ast.MatchClass():
            _class_pattern(flow, node, subject)
        case ast.MatchSequence():
            _sequence(flow, node, subject)
        case ast.MatchMapping():
            for name, pattern in zip(node.keys, node.patterns, strict=True):
                match_pattern(flow, pattern, _part(flow, subject, key(flow, name)))
            _rest(flow, node, node.rest, subject, "dict")
        case ast.MatchValue():
            flow.value(node.value)
        case _:
            pass


def _narrow(flow: FlowContext, place: Place, node: ast.pattern | None) -> None:
    """Record for ``case C() as x`` that ``x`` is an instance of ``C``."""
    match node:
        case ast.MatchClass():
            held = flow.value(node.cls)
            if held is not None:
                flow.rows.annotations.append((place, held))
        case ast.MatchOr():
            for pattern in node.patterns:
                _narrow(flow, place, pattern)
        case _:
            pass


def _class_pattern(flow: FlowContext, node: ast.MatchClass, subject: Place | None) -> None:
    """Lower a class pattern. Positional patterns have no place, since the class decides which attributes they mean."""
    held = flow.value(node.cls)
    if subject is not None and held is not None and node.kwd_patterns:
        narrowed = flow.temporary()
        flow.rows.annotations.append((narrowed, held))
        flow.copy(narrowed, subject, "assign")
        subject = narrowed
    for pattern in node.patterns:
        match_pattern(flow, pattern, None)
    for name, pattern in zip(node.kwd_attrs, node.kwd_patterns, strict=True):
        match_pattern(flow, pattern, None if subject is None else flow.attribute(subject, name))


def _sequence(flow: FlowContext, node: ast.MatchSequence, subject: Place | None) -> None:
    count, star = len(node.patterns), star_of(node.patterns)
    for position, pattern in enumerate(node.patterns):
        if isinstance(pattern, ast.MatchStar):
            _rest(flow, pattern, pattern.name, subject, "list")
        else:
            at = position if star is None or position < star else position - count
            match_pattern(flow, pattern, _part(flow, subject, (str(at), None)))


def _rest(flow: FlowContext, node: ast.pattern, name: str | None, subject: Place | None, kind: str) -> None:
    """Bind the list of ``*rest`` or the dict of ``**rest``, which may hold any item of the subject."""
    if name is not None:
        rest = flow.made(kind, flow.bound_place(node, name))
        flow.put(rest, _part(flow, subject, (None, None)))


def _part(flow: FlowContext, subject: Place | None, at: Key) -> Place | None:
    if subject is None:
        return None
    place = flow.temporary()
    flow.load(place, subject, "item", *at)
    return place
