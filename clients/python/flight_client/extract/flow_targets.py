"""What is bound, to facts: targets of every kind, unpacking, iteration, and the keys of subscripts."""

import ast
from collections.abc import Sequence

from flight_client.extract.flow_expressions import Expressions
from flight_client.extract.flow_lowering import shown, signed
from flight_client.extract.flow_rows import SHOWN_CHARACTERS
from flight_client.extract.lexical_scopes import mangled
from flight_client.extract.places import Place

WHOLE = ":"  # the key of a slice
# What is iterated over as it is, without asking for an iterator.
_PLAIN = frozenset(
    {ast.Tuple, ast.List, ast.Set, ast.Dict, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp, ast.Constant}
)


class Targets(Expressions):
    """Lowers what gives values to targets."""

    def target_place(self, target: ast.expr) -> Place:
        """Where what a target is given comes first."""
        return self.definition_place(target) if isinstance(target, ast.Name) else self.executor.temporary()

    def assign(self, target: ast.expr, source: Place | None, reason: str = "assign") -> None:
        """What is at ``source`` comes to a target; also where it is not known, the target's parts are lowered."""
        match target:
            case ast.Name():
                self.copy(self.definition_place(target), source, reason)
            case ast.Attribute():
                self.set_attribute(self.value(target.value), target.attr, source)
            case ast.Subscript():
                base = self.value(target.value)
                self.set_item(target, base, *self.key(target.slice), source)
            case ast.Tuple() | ast.List():
                self.unpack(target.elts, source)
            case ast.Starred():
                self.assign(target.value, source, reason)
            case _:
                self.value(target)

    def set_attribute(self, base: Place | None, name: str, source: Place | None) -> None:
        """``x.name = …``."""
        if base is not None and source is not None:
            self.rows.stores.append((base, "attr", mangled(name, self.scope.private), None, source))

    def set_item(
        self, node: ast.Subscript, base: Place | None, text: str | None, place: Place | None, source: Place | None
    ) -> None:
        """``x[k] = …``, with the key as from ``key``."""
        if base is not None:
            self.put(base, source, text, place)
            arguments = (self.key_argument(node.slice, place), source)
            self.implied("setitem", base, ("__setitem__",), self.span(node), arguments)

    def delete(self, target: ast.expr) -> None:
        """``del``: what it forgets makes no fact, but it may call."""
        match target:
            case ast.Subscript():
                base = self.value(target.value)
                _, place = self.key(target.slice)
                if base is not None:
                    arguments = (self.key_argument(target.slice, place),)
                    self.implied("setitem", base, ("__delitem__",), self.span(target), arguments)
            case ast.Attribute():
                self.value(target.value)
            case ast.Tuple() | ast.List():
                for element in target.elts:
                    self.delete(element)
            case _:
                pass

    def unpack(self, targets: Sequence[ast.expr], source: Place | None) -> None:
        """Each target is given the item at its position, from the end after a star, or what a generator yields."""
        star = next((n for n, target in enumerate(targets) if isinstance(target, ast.Starred)), len(targets))
        for position, target in enumerate(targets):
            if source is None:
                self.assign(target, None)
            elif position == star:
                rest, element = self.made("list"), self.executor.temporary()
                self.rows.loads.append((element, source, "iter", None, None, False))
                self.put(rest, element)
                self.assign(target, rest, "unpack")
            else:
                place = self.target_place(target)
                self.item(place, source, str(position if position < star else position - len(targets)))
                self.rows.loads.append((place, source, "yield", None, None, False))
                if not isinstance(target, ast.Name):
                    self.assign(target, place)

    def iterated(self, node: ast.expr) -> Place | None:
        """The place of the elements of an iterable."""
        source = self.value(node)
        if source is None:
            return None
        element = self.executor.temporary()
        self._elements(element, source, node, is_async=False)
        return element

    def iterate(self, target: ast.expr, source: Place | None, node: ast.expr, *, is_async: bool) -> None:
        """Bind a target to the elements of what is at ``source``, which ``node`` has given."""
        if source is None:
            self.assign(target, None)
            return
        element = self.target_place(target)
        self._elements(element, source, node, is_async=is_async)
        if not isinstance(target, ast.Name):
            self.assign(target, element)

    def _elements(self, element: Place, source: Place, node: ast.expr, *, is_async: bool) -> None:
        self.rows.loads.append((element, source, "iter", None, None, False))
        if node.__class__ in _PLAIN:
            return
        span, prefix = self.span(node), "__a" if is_async else "__"
        iterator = self.executor.temporary()
        self.implied("iter", source, (f"{prefix}iter__",), span, (), iterator)
        self.implied("next", iterator, (f"{prefix}next__",), span, (), element)
        self.rows.loads.append((element, iterator, "iter", None, None, False))

    def key(self, node: ast.expr) -> tuple[str | None, Place | None]:
        """A subscript: the text of a short str or int, or of a tuple of such, ``:`` for a slice; else a place."""
        text = spelled(node)
        if text is not None:
            return text, None
        if isinstance(node, ast.Slice):
            self.parts(node)
            return WHOLE, None
        return None, self.value(node)

    def key_argument(self, node: ast.expr, place: Place | None) -> Place | None:
        """The place of a subscript whose key has this place, or a text; a slice has none."""
        constant = signed(node)
        return place if constant is None else self.constant(constant.value)


def spelled(node: ast.expr) -> str | None:
    """The text of a short constant str or int, or of a tuple of such."""
    if isinstance(node, ast.Tuple) and node.elts:
        parts = [shown(part.value) if (part := signed(item)) is not None else None for item in node.elts]
        text = f"({', '.join(part for part in parts if part is not None)})"
        return text if None not in parts and len(text) <= SHOWN_CHARACTERS else None
    constant = signed(node)
    return None if constant is None else shown(constant.value)
