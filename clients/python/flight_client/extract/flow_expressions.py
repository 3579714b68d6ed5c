"""Expressions to facts: names, attributes, calls, operators, choices."""

import ast
from collections.abc import Iterable
from types import MappingProxyType

from flight_client.extract.flow_lowering import Lowering, begins_name, signed
from flight_client.extract.flow_operators import COMPARISONS, MEMBERSHIP, OPERATORS, UNARY
from flight_client.extract.flow_rows import executing
from flight_client.extract.flow_variables import class_around
from flight_client.extract.places import Place
from flight_client.extract.syntax_tree import Located

HANDLERS = MappingProxyType(
    {
        "Constant": "_constant",
        "Name": "_name",
        "Attribute": "_attribute",
        "Call": "_call",
        "BinOp": "_bin_op",
        "UnaryOp": "_unary_op",
        "Compare": "_compare",
        "BoolOp": "_bool_op",
        "IfExp": "_if_exp",
        "NamedExpr": "_named_expr",
        "Await": "_operand",
        "Starred": "_operand",
        "Yield": "_yield",
        "JoinedStr": "_joined_str",
        "TemplateStr": "_fields",
    }
)
TEXTS = frozenset({"str", "bytes"})
DISPLAYS = (ast.Tuple, ast.List, ast.Set)


class Expressions(Lowering):
    """Lowers expressions that make no containers and define nothing."""

    handlers = HANDLERS

    def definition_place(self, node: ast.Name) -> Place:
        """Where what a name is bound to comes to be."""
        variable = self.names[node.id]
        if variable.definitions:
            return variable.definitions.get(self.lines[node.lineno - 1] + node.col_offset, variable.place)
        return variable.place

    def bound_place(self, node: object, name: str) -> Place:
        """The same for a name that no ``ast.Name`` binds."""
        variable = self.names[name]
        if variable.definitions:
            return variable.definitions.get(self.walk.bound_at[node][0], variable.place)
        return variable.place

    def _constant(self, node: ast.Constant) -> Place:
        return self.constant(node.value)

    def _name(self, node: ast.Name) -> Place:
        variable = self.names[node.id]
        if variable.uses:
            return variable.uses.get(self.lines[node.lineno - 1] + node.col_offset, variable.place)
        return variable.place

    def _attribute(self, node: ast.Attribute) -> Place | None:
        value = node.value
        base = self.dispatch[value.__class__](self, value)
        return None if base is None else self.attribute(base, node.attr)

    def _call(self, node: ast.Call) -> Place:
        """A call's arguments have a row each, also those of which nothing is known."""
        function, dispatch, args = node.func, self.dispatch, self.rows.args
        callee = dispatch[function.__class__](self, function)
        executor = self.executor
        result, site = executor.temporary(), executor.site_id()
        start, end = self.span(node)
        call_id = f"{self.call_prefix}{start}-{end}"
        self.rows.calls.append((start, end, site, call_id, "call", callee, result, executor.def_id))
        for position, argument in enumerate(node.args):
            star = 1 if argument.__class__ is ast.Starred else 0
            args.append(
                (*self.span(argument), site, position, None, star, dispatch[argument.__class__](self, argument))
            )
        for position, keyword in enumerate(node.keywords, len(node.args)):
            value, star = keyword.value, 2 if keyword.arg is None else 0
            args.append(
                (*self.span(keyword), site, position, keyword.arg, star, dispatch[value.__class__](self, value))
            )
        if function.__class__ is ast.Name and not (node.args or node.keywords):
            self._super(node, site)
        match function:
            case ast.Attribute(value=ast.Constant(value=str() as text), attr="format"):
                self._begin(result, text.partition("{")[0])
        return result

    def _super(self, node: ast.Call, site: str) -> None:
        """``super()`` is given what the compiler adds: the class around, and the first argument."""
        is_super = isinstance(node.func, ast.Name) and node.func.id == "super" and self.scope.home("super") is None
        around = class_around(self.scope) if is_super else None
        if around is None:
            return
        args = self.rows.args
        args.append((None, None, site, 0, "__class__", 0, self.variables.cell(around).place))
        first = self.first_parameter.get(executing(self.scope))
        if first is not None:
            args.append((None, None, site, 1, "__self__", 0, first))

    def operation(self, node: Located, left: Place | None, right: Place | None, name: str) -> Place | None:
        """The result of a binary operator, for which the left operand is asked, or the right if the left is constant.

        A constant text formats with ``%`` whatever the right operand is; ``text + x`` may be up to ``x``, or a text.
        What a text begins with, its sum begins with.
        """
        kind, begins = self.constant_kinds.get(left), self.beginnings.get(left, "")
        if kind is None:
            if left is None:
                return None
            result = self.executor.temporary()
            self.implied("binop", left, (f"__{name}__",), self.span(node), (right,), result)
            self._begin(result, begins if name == "add" else "")
            return result
        is_text = kind in TEXTS
        if right in self.constant_kinds or (is_text and name == "mod"):
            begins = begins.partition("%")[0] if name == "mod" else begins
            return self.beginning(begins) if kind == "str" else self.constant_of(kind)
        result = self.executor.temporary()
        if right is not None:
            self.implied("binop", right, (f"__r{name}__",), self.span(node), (left,), result)
        if is_text:
            self.copy(result, self.constant_of(kind), "assign")
            self._begin(result, begins if name == "add" else "")
        return result

    def _begin(self, result: Place, text: str) -> None:
        """What is at ``result`` may be a text that begins so."""
        if begins_name(text):
            self.copy(result, self.beginning(text), "assign")
            self.beginnings[result] = text

    def _bin_op(self, node: ast.BinOp) -> Place | None:
        left = self.value(node.left)
        return self.operation(node, left, self.value(node.right), OPERATORS[node.op.__class__])

    def _unary_op(self, node: ast.UnaryOp) -> Place | None:
        number = signed(node)
        if number is not None:
            return self.constant(number.value)
        operand = self.value(node.operand)
        method = UNARY.get(node.op.__class__)
        if method is None:
            return self.constant_of("bool")
        kind = self.constant_kinds.get(operand)
        if kind is not None:
            return self.constant_of(kind)
        if operand is None:
            return None
        result = self.executor.temporary()
        self.implied("binop", operand, (method,), self.span(node), (), result)
        return result

    def _compare(self, node: ast.Compare) -> Place:
        """Identity asks nobody; membership, the container."""
        left = self.value(node.left)
        for operator, operand in zip(node.ops, node.comparators, strict=True):
            if isinstance(operator, MEMBERSHIP) and isinstance(operand, DISPLAYS):
                self.values(operand.elts)
                left = None
                continue
            right = self.value(operand)
            kind = operator.__class__
            if kind in MEMBERSHIP:
                self._compared(node, right, "__contains__", left)
            elif kind in COMPARISONS:
                method, reflected = COMPARISONS[kind]
                if left in self.constant_kinds:
                    self._compared(node, right, reflected, left)
                else:
                    self._compared(node, left, method, right)
            left = right
        return self.constant_of("bool")

    def _compared(self, node: ast.Compare, base: Place | None, method: str, argument: Place | None) -> None:
        if base is not None and base not in self.constant_kinds:
            self.implied("binop", base, (method,), self.span(node), (argument,))

    def _bool_op(self, node: ast.BoolOp) -> Place:
        return self._any_of(node.values)

    def _if_exp(self, node: ast.IfExp) -> Place:
        self.value(node.test)
        return self._any_of((node.body, node.orelse))

    def _any_of(self, nodes: Iterable[ast.expr]) -> Place:
        result = self.executor.temporary()
        for node in nodes:
            self.copy(result, self.value(node), "ifexp")
        return result

    def _named_expr(self, node: ast.NamedExpr) -> Place | None:
        value = self.value(node.value)
        self.copy(self.definition_place(node.target), value, "walrus")
        return value

    def _operand(self, node: ast.Await | ast.Starred) -> Place | None:
        """``await x`` is ``x``."""
        return self.value(node.value)

    def _yield(self, node: ast.Yield) -> Place:
        """Its value is what the generator is sent."""
        if node.value is not None:
            self.copy(f"yld:{self.executor.def_id}", self.value(node.value), "yield")
        return f"x:{self.executor.def_id}:sent"

    def _joined_str(self, node: ast.JoinedStr) -> Place:
        self._fields(node)
        match node.values:
            case [ast.Constant(value=str() as text), *_]:
                return self.beginning(text)
            case _:
                return self.constant_of("str")

    def _fields(self, node: ast.JoinedStr) -> None:
        for part in node.values:
            if not isinstance(part, ast.Constant):
                self.parts(part)
