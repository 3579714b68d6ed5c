"""Statements to facts, in source order. Conditions decide nothing here: what may run, counts."""

import ast
from types import MappingProxyType

from flight_client.extract.flow_definitions import HANDLERS as OF_DEFINITIONS
from flight_client.extract.flow_operators import OPERATORS
from flight_client.extract.flow_patterns import Patterns
from flight_client.extract.places import Place

Paired = Place | list["Paired"] | None


class Statements(Patterns):
    """Lowers a file."""

    handlers = MappingProxyType(
        {
            **OF_DEFINITIONS,
            "Expr": "_expr",
            "Assign": "_assign",
            "AnnAssign": "_ann_assign",
            "AugAssign": "_aug_assign",
            "Return": "_return",
            "For": "_for",
            "AsyncFor": "_for",
            "With": "_with",
            "AsyncWith": "_with",
            "Raise": "_raise",
            "Try": "_try",
            "TryStar": "_try",
            "Match": "_match",
            "Delete": "_delete",
        }
    )

    def _expr(self, node: ast.Expr) -> None:
        if not isinstance(node.value, ast.Constant):
            self.value(node.value)

    def _assign(self, node: ast.Assign) -> None:
        """``a, b = x, y`` gives each name its own value, without a tuple between."""
        if is_paired(node.value) and all(isinstance(target, ast.Tuple | ast.List) for target in node.targets):
            found = self._paired(node.value)
            for target in node.targets:
                self._give(target, found)
            return
        value = self.value(node.value)
        for target in node.targets:
            self.assign(target, value)

    def _paired(self, node: ast.expr) -> Paired:
        if isinstance(node, ast.Tuple | ast.List) and is_paired(node):
            return [self._paired(element) for element in node.elts]
        return self.value(node)

    def _give(self, target: ast.expr, found: Paired) -> None:
        if not isinstance(found, list):
            self.assign(target, found, "unpack")
        elif not isinstance(target, ast.Tuple | ast.List):
            self.assign(target, self._tuple(found), "unpack")
        else:
            self._give_each(target.elts, found)

    def _give_each(self, targets: list[ast.expr], found: list[Paired]) -> None:
        """Item by item; a star takes what is over. Too few or too many raise when they run, and make no facts."""
        star = next((n for n, target in enumerate(targets) if isinstance(target, ast.Starred)), None)
        if star is not None:
            end = max(star, len(found) - (len(targets) - star - 1))
            found = [*found[:star], self._tuple(found[star:end], "list"), *found[end:]]
        for target, part in zip(targets, found, strict=False):
            self._give(target, part)

    def _tuple(self, found: list[Paired], kind: str = "tuple") -> Place:
        container = self.made(kind)
        for position, part in enumerate(found):
            self.put(container, self._tuple(part) if isinstance(part, list) else part, str(position))
        return container

    def _ann_assign(self, node: ast.AnnAssign) -> None:
        """The annotation is of what is assigned, or of the variable where nothing is."""
        target = node.target
        value = None if node.value is None else self.value(node.value)
        match target:
            case ast.Name():
                variable = self.names[target.id]
                place = variable.place if node.value is None else self.definition_place(target)
                self.annotate(place, node.annotation)
                self.copy(place, value, "assign")
            case ast.Attribute():
                place = self.executor.temporary()
                self.annotate(place, node.annotation)
                self.copy(place, value, "assign")
                self.set_attribute(self.value(target.value), target.attr, place)
            case ast.Subscript():
                self.mention(node.annotation)
                if node.value is None:
                    self.parts(target)
                else:
                    self.assign(target, value)

    def _aug_assign(self, node: ast.AugAssign) -> None:
        """The target is evaluated once, and asked for the operation in place or else for the plain one."""
        match target := node.target:
            case ast.Name():
                old = self.value(ast.copy_location(ast.Name(target.id, ast.Load()), target))
                self.copy(self.definition_place(target), self._augmented(node, old), "assign")
                self.copy(self.definition_place(target), old, "aug")
            case ast.Attribute():
                base = self.value(target.value)
                if base is None:
                    self.value(node.value)
                    return
                old = self.attribute(base, target.attr)
                self.set_attribute(base, target.attr, self._augmented(node, old))
            case ast.Subscript():
                base = self.value(target.value)
                text, place = self.key(target.slice)
                old = None if base is None else self.subscript(target, base, text, place)
                result = self._augmented(node, old)
                self.set_item(target, base, text, place, result)

    def _augmented(self, node: ast.AugAssign, old: Place | None) -> Place | None:
        """The result, which may be the old value itself."""
        right = self.value(node.value)
        if old is None:
            return right
        name = OPERATORS[node.op.__class__]
        result = self.executor.temporary()
        methods = (f"__i{name}__", f"__{name}__")
        self.implied("binop", old, methods, self.span(node), (right,), result)
        return result

    def _return(self, node: ast.Return) -> None:
        if node.value is not None:
            self.copy(f"ret:{self.executor.def_id}", self.value(node.value), "return")

    def _for(self, node: ast.For | ast.AsyncFor) -> None:
        source = self.value(node.iter)
        self.iterate(node.target, source, node.iter, is_async=isinstance(node, ast.AsyncFor))
        self.values(node.body)
        self.values(node.orelse)

    def _with(self, node: ast.With | ast.AsyncWith) -> None:
        prefix = "__a" if isinstance(node, ast.AsyncWith) else "__"
        for item in node.items:
            manager, target = self.value(item.context_expr), item.optional_vars
            if manager is None:
                if target is not None:
                    self.assign(target, None)
                continue
            span = self.span(item.context_expr)
            entered = None if target is None else self.target_place(target)
            self.implied("enter", manager, (f"{prefix}enter__",), span, (), entered)
            self.implied("exit", manager, (f"{prefix}exit__",), span)
            if target is not None and entered is not None:
                self.rows.loads.append((entered, manager, "yield", None, None, False))
                if not isinstance(target, ast.Name):
                    self.assign(target, entered)
        self.values(node.body)

    def _raise(self, node: ast.Raise) -> None:
        """A class that is raised is called."""
        if node.exc is not None:
            raised = self.value(node.exc)
            if raised is not None and not isinstance(node.exc, ast.Call):
                self.call("raise", raised, self.span(node.exc))
        if node.cause is not None:
            self.value(node.cause)

    def _try(self, node: ast.Try | ast.TryStar) -> None:
        self.values(node.body)
        for handler in node.handlers:
            self._handler(handler, is_group=not isinstance(node, ast.Try))
        self.values(node.orelse)
        self.values(node.finalbody)

    def _handler(self, node: ast.ExceptHandler, *, is_group: bool) -> None:
        """What is caught is an instance of one of the classes; in ``except*`` it is a group: nothing is told."""
        classes = node.type.elts if isinstance(node.type, ast.Tuple) else [node.type]
        for found in classes:
            held = None if found is None else self.value(found)
            if node.name is not None and held is not None and not is_group:
                self.rows.annotations.append((self.bound_place(node, node.name), held))
        self.values(node.body)

    def _match(self, node: ast.Match) -> None:
        subject = self.value(node.subject)
        for case in node.cases:
            self.match(case.pattern, subject)
            self.values((case.guard, *case.body))

    def _delete(self, node: ast.Delete) -> None:
        for target in node.targets:
            self.delete(target)


def is_paired(node: ast.expr) -> bool:
    """Whether a display's items can be told apart."""
    return isinstance(node, ast.Tuple | ast.List) and not any(isinstance(item, ast.Starred) for item in node.elts)
