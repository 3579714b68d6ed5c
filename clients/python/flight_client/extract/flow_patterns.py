"""Patterns of ``match`` to facts: what is captured is the subject, or what stands in it."""

import ast

from flight_client.extract.flow_definitions import Definitions
from flight_client.extract.places import Place


class Patterns(Definitions):
    """Lowers patterns."""

    def match(self, node: ast.pattern, subject: Place | None) -> None:
        """Lower a pattern against what is at ``subject``. Values that are compared make no facts but their own."""
        match node:
            case ast.MatchAs():
                if node.pattern is not None:
                    self.match(node.pattern, subject)
                if node.name is not None:
                    place = self.bound_place(node, node.name)
                    self.copy(place, subject, "assign")
                    self._narrow(place, node.pattern)
            case ast.MatchOr():
                for pattern in node.patterns:
                    self.match(pattern, subject)
            case ast.MatchClass():
                self._class_pattern(node, subject)
            case ast.MatchSequence():
                self._sequence(node, subject)
            case ast.MatchMapping():
                self._mapping(node, subject)
            case ast.MatchValue():
                self.value(node.value)
            case _:
                pass

    def _narrow(self, place: Place, node: ast.pattern | None) -> None:
        """``case C() as x``: ``x`` is an instance of ``C``."""
        match node:
            case ast.MatchClass():
                held = self.value(node.cls)
                if held is not None:
                    self.rows.annotations.append((place, held))
            case ast.MatchOr():
                for pattern in node.patterns:
                    self._narrow(place, pattern)
            case _:
                pass

    def _class_pattern(self, node: ast.MatchClass, subject: Place | None) -> None:
        """Which attributes positions mean is up to the class: what stands there has no place."""
        held = self.value(node.cls)
        if subject is not None and held is not None and node.kwd_patterns:
            narrowed = self.executor.temporary()
            self.rows.annotations.append((narrowed, held))
            self.copy(narrowed, subject, "assign")
            subject = narrowed
        for pattern in node.patterns:
            self.match(pattern, None)
        for name, pattern in zip(node.kwd_attrs, node.kwd_patterns, strict=True):
            self.match(pattern, None if subject is None else self.attribute(subject, name))

    def _sequence(self, node: ast.MatchSequence, subject: Place | None) -> None:
        count = len(node.patterns)
        star = next((n for n, pattern in enumerate(node.patterns) if isinstance(pattern, ast.MatchStar)), count)
        for position, pattern in enumerate(node.patterns):
            if isinstance(pattern, ast.MatchStar):
                self._rest(pattern, pattern.name, subject, "list")
            else:
                key = str(position if position < star else position - count)
                self.match(pattern, self._part(subject, key, None))

    def _mapping(self, node: ast.MatchMapping, subject: Place | None) -> None:
        for key, pattern in zip(node.keys, node.patterns, strict=True):
            self.match(pattern, self._part(subject, *self.key(key)))
        self._rest(node, node.rest, subject, "dict")

    def _rest(self, node: ast.pattern, name: str | None, subject: Place | None, kind: str) -> None:
        """A star's list, a double star's dict: anything that is in the subject."""
        if name is not None:
            rest = self.made(kind, self.bound_place(node, name))
            self.put(rest, self._part(subject, None, None))

    def _part(self, subject: Place | None, key: str | None, key_place: Place | None) -> Place | None:
        if subject is None:
            return None
        place = self.executor.temporary()
        self.item(place, subject, key, key_place)
        return place
