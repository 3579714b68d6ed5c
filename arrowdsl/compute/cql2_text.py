"""CQL2 as text, such as ``kind = 'class' and path like 'django/db/%'``, which is SQL's WHERE for the same operations.

The grammar is that of OGC 21-065r2 for the operations that ``cql2`` has. Keywords may be in any case. A property that
is no plain name, or is spelled like a keyword, stands in double quotes; in a string, ``''`` is a quote. As in SQL,
``!=`` is ``<>``, and a boolean property may stand alone.

>>> document_of_text("kind = 'class' and not path like 'a/%'")["args"][1]
{'op': 'not', 'args': [{'op': 'like', 'args': [{'property': 'path'}, 'a/%']}]}
"""

import re
from collections.abc import Callable

from arrowdsl.compute.cql2 import MAX_DEPTH
from arrowdsl.errors import ExpressionError

Document = dict[str, object]

_TOKEN = re.compile(
    r"""\s*(?:
        (?P<number>[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)
      | '(?P<string>(?:[^'\\]|''|\\.)*)'
      | "(?P<quoted>(?:[^"]|"")+)"
      | (?P<word>[^\W\d]\w*(?:[.:]\w+)*)
      | (?P<sign><>|!=|<=|>=|[=<>(),])
      | (?P<end>$)
    )""",
    re.VERBOSE | re.DOTALL,
)
_KEYWORDS = frozenset({"and", "or", "not", "like", "in", "between", "is", "null", "true", "false"})
_COMPARISONS = frozenset({"=", "<>", "<", "<=", ">", ">="})


def document_of_text(text: str) -> object:
    """The CQL2-JSON document of a filter as text; raises ExpressionError, which names the character."""
    return _Parser(text).filter()


class _Parser:
    """Recursive descent: one method for each rule of the grammar; ``_kind`` and ``_value`` are the next token."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._next = self._start = self._depth = 0
        self._advance()

    def filter(self) -> object:
        """The whole text."""
        found = self._either()
        if self._kind != "end":
            raise self._unexpected("and, or, or the end")
        return found

    def _either(self) -> object:
        return self._chain("or", lambda: self._chain("and", self._negation))

    def _chain(self, operator: str, term: Callable[[], object]) -> object:
        terms = [term()]
        while self._takes(operator):
            terms.append(term())
        return terms[0] if len(terms) == 1 else _call(operator, *terms)

    def _negation(self) -> object:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise ExpressionError(f"the filter is nested more than {MAX_DEPTH} deep")
        found = _call("not", self._negation()) if self._takes("not") else self._predicate()
        self._depth -= 1
        return found

    def _predicate(self) -> object:
        if self._takes("("):
            found = self._either()
            self._expect(")")
            return found
        left = self._scalar()
        if self._takes("is"):
            is_negated = self._takes("not")
            self._expect("null")
            return _negated(_call("isNull", left), is_negated=is_negated)
        if self._kind == "sign" and self._value in _COMPARISONS:
            return _call(self._advance(), left, self._scalar())
        is_negated = self._takes("not")
        if self._takes("like"):
            return _negated(_call("like", left, self._scalar()), is_negated=is_negated)
        if self._takes("between"):
            low = self._scalar()
            self._expect("and")
            return _negated(_call("between", left, low, self._scalar()), is_negated=is_negated)
        if self._takes("in"):
            return _negated(_call("in", left, self._list()), is_negated=is_negated)
        if is_negated:
            raise self._unexpected("like, in or between")
        return left

    def _list(self) -> list[object]:
        self._expect("(")
        items = [self._scalar()]
        while self._takes(","):
            items.append(self._scalar())
        self._expect(")")
        return items

    def _scalar(self) -> object:
        if self._kind == "keyword" and self._value in {"true", "false"}:
            return self._advance() == "true"
        match self._kind:
            case "number":
                text = self._advance()
                return int(text) if re.fullmatch(r"[+-]?\d{1,19}", text) else float(text)
            case "string":
                return self._advance()
            case "property":
                return {"property": self._advance()}
        raise self._unexpected("a property, string, number, true or false")

    def _takes(self, token: str) -> bool:
        """Whether the next token is this keyword or sign; then it is taken."""
        found = self._kind in {"keyword", "sign"} and self._value == token
        if found:
            self._advance()
        return found

    def _expect(self, token: str) -> None:
        if not self._takes(token):
            raise self._unexpected(token)

    def _advance(self) -> str:
        """Read the next token; returns the value of the one before."""
        before = getattr(self, "_value", "")
        found = _TOKEN.match(self._text, self._next)
        if found is None or found.lastgroup is None:
            rest = self._text[self._next :].strip()
            raise ExpressionError(f"the filter is not understood from {rest[:20]!r} on; strings stand in single quotes")
        self._start, self._next = found.end() - len(found[0].lstrip()), found.end()
        kind, value = found.lastgroup, found[found.lastgroup]
        match kind:
            case "word" if value.lower() in _KEYWORDS:
                kind, value = "keyword", value.lower()
            case "word":
                kind = "property"
            case "quoted":
                kind, value = "property", value.replace('""', '"')
            case "string":
                value = value.replace("''", "'").replace("\\'", "'")
            case "sign" if value == "!=":
                value = "<>"
        self._kind, self._value = kind, value
        return before

    def _unexpected(self, allowed: str) -> ExpressionError:
        given = "the end" if self._kind == "end" else repr(self._text[self._start : self._next].strip())
        return ExpressionError(f"the filter has {given} at character {self._start + 1}; expected: {allowed}")


def _call(op: str, *arguments: object) -> Document:
    return {"op": op, "args": list(arguments)}


def _negated(found: Document, *, is_negated: bool) -> Document:
    return _call("not", found) if is_negated else found
