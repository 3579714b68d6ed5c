"""Expressions to facts: names, attributes, calls, operators, choices."""

import ast
from collections.abc import Iterable, Mapping

from flight_client.extract.flow_context import FlowContext, FlowVisitor, begins_name, signed
from flight_client.extract.flow_made_classes import made_class
from flight_client.extract.flow_rows import executing
from flight_client.extract.flow_variables import class_around
from flight_client.extract.places import Place
from flight_client.extract.syntax_tree import Located

# The special methods of operators.
OPERATORS: Mapping[type[ast.operator], str] = {
    ast.Add: "add",
    ast.Sub: "sub",
    ast.Mult: "mul",
    ast.MatMult: "matmul",
    ast.Div: "truediv",
    ast.FloorDiv: "floordiv",
    ast.Mod: "mod",
    ast.Pow: "pow",
    ast.LShift: "lshift",
    ast.RShift: "rshift",
    ast.BitOr: "or",
    ast.BitXor: "xor",
    ast.BitAnd: "and",
}
_UNARY: Mapping[type[ast.unaryop], str] = {ast.USub: "__neg__", ast.UAdd: "__pos__", ast.Invert: "__invert__"}
# The method of the left operand, and that of the right operand, which is called if the left one is a constant.
_COMPARISONS: Mapping[type[ast.cmpop], tuple[str, str]] = {
    ast.Eq: ("__eq__", "__eq__"),
    ast.NotEq: ("__ne__", "__ne__"),
    ast.Lt: ("__lt__", "__gt__"),
    ast.LtE: ("__le__", "__ge__"),
    ast.Gt: ("__gt__", "__lt__"),
    ast.GtE: ("__ge__", "__le__"),
}
_MEMBERSHIP = (ast.In, ast.NotIn)
_DISPLAYS = (ast.Tuple, ast.List, ast.Set)
_TEXTS = frozenset({"str", "bytes"})


def _constant(flow: FlowContext, node: ast.Constant) -> Place:
    return flow.constant(node.value)


def _name(flow: FlowContext, node: ast.Name) -> Place:
    variable = flow.names[node.id]
    if variable.uses:
        return variable.uses.get(flow.lines[node.lineno - 1] + node.col_offset, variable.place)
    return variable.place


def _attribute(flow: FlowContext, node: ast.Attribute) -> Place | None:
    value = node.value
    base = flow.dispatch[value.__class__](flow, value)
    return None if base is None else flow.attribute(base, node.attr)


def _call(flow: FlowContext, node: ast.Call) -> Place:
    """Lower a call; each argument has a row, even if nothing is known about it."""
    function, dispatch, args = node.func, flow.dispatch, flow.rows.args
    callee = dispatch[function.__class__](flow, function)
    executor = flow.executor
    result, site = executor.temporary(), executor.site_id()
    start, end = flow.span(node)
    call_id = f"call:{flow.walk.file_id}:{start}-{end}"
    flow.rows.calls.append((start, end, site, call_id, "call", callee, result, executor.def_id))
    places: list[Place | None] = []
    for position, argument in enumerate(node.args):
        star = 1 if argument.__class__ is ast.Starred else 0
        place = dispatch[argument.__class__](flow, argument)
        args.append((*flow.span(argument), site, position, None, star, place))
        places.append(place)
    for position, keyword in enumerate(node.keywords, len(node.args)):
        value, star = keyword.value, 2 if keyword.arg is None else 0
        place = dispatch[value.__class__](flow, value)
        args.append((*flow.span(keyword), site, position, keyword.arg, star, place))
    if function.__class__ is ast.Name and not (node.args or node.keywords):
        _super(flow, node, site)
    match function:
        case ast.Attribute(value=ast.Constant(value=str() as text), attr="format"):
            _begin(flow, result, text.partition("{")[0])
    return made_class(flow, node, callee, places) if node in flow.walk.made else result


def _super(flow: FlowContext, node: ast.Call, site: str) -> None:
    """Add the implicit arguments of ``super()``: the class around it, and the function's first argument."""
    is_super = isinstance(node.func, ast.Name) and node.func.id == "super" and flow.scope.home("super") is None
    around = class_around(flow.scope) if is_super else None
    if around is None:
        return
    args = flow.rows.args
    args.append((None, None, site, 0, "__class__", 0, flow.variables.cells[around].place))
    first = flow.first_parameter.get(executing(flow.scope))
    if first is not None:
        args.append((None, None, site, 1, "__self__", 0, first))


def _bin_op(flow: FlowContext, node: ast.BinOp) -> Place | None:
    left = flow.value(node.left)
    return _operation(flow, node, left, flow.value(node.right), OPERATORS[node.op.__class__])


def _operation(flow: FlowContext, node: Located, left: Place | None, right: Place | None, name: str) -> Place | None:
    """The result of a binary operator: a method of the left operand, or of the right one if the left is constant.

    A constant string formats with ``%`` for any right operand. ``"a" + x`` may call a method of ``x``, or be a string
    that begins with ``a``.
    """
    kind, begins = flow.constant_kinds.get(left), flow.beginnings.get(left, "")
    is_text = kind in _TEXTS
    if kind is not None and (right in flow.constant_kinds or (is_text and name == "mod")):
        begins = begins.partition("%")[0] if name == "mod" else begins
        return flow.beginning(begins) if kind == "str" else flow.constant_of(kind)
    if left is None:
        return None
    result = flow.temporary()
    if kind is None:
        flow.implied("binop", left, (f"__{name}__",), flow.span(node), (right,), result)
    elif right is not None:
        flow.implied("binop", right, (f"__r{name}__",), flow.span(node), (left,), result)
    if kind is not None and is_text:
        flow.copy(result, flow.constant_of(kind), "assign")
    if (is_text or kind is None) and name == "add":
        _begin(flow, result, begins)
    return result


def _begin(flow: FlowContext, result: Place, text: str) -> None:
    """Record that ``result`` may hold a string that begins with ``text``."""
    if begins_name(text):
        flow.copy(result, flow.beginning(text), "assign")
        flow.beginnings[result] = text


def _unary_op(flow: FlowContext, node: ast.UnaryOp) -> Place | None:
    number = signed(node)
    if number is not None:
        return flow.constant(number.value)
    operand = flow.value(node.operand)
    method = _UNARY.get(node.op.__class__)
    kind = "bool" if method is None else flow.constant_kinds.get(operand)
    if kind is not None:
        return flow.constant_of(kind)
    if operand is None or method is None:
        return None
    result = flow.temporary()
    flow.implied("binop", operand, (method,), flow.span(node), (), result)
    return result


def _compare(flow: FlowContext, node: ast.Compare) -> Place:
    """Lower comparisons: ``is`` calls nothing, ``in`` calls a method of the container."""
    left = flow.value(node.left)
    for operator, operand in zip(node.ops, node.comparators, strict=True):
        kind = operator.__class__
        if kind in _MEMBERSHIP and isinstance(operand, _DISPLAYS):
            flow.values(operand.elts)
            left = None
            continue
        right = flow.value(operand)
        if kind in _MEMBERSHIP:
            _compared(flow, node, right, "__contains__", left)
        elif kind in _COMPARISONS:
            method, reflected = _COMPARISONS[kind]
            if left in flow.constant_kinds:
                _compared(flow, node, right, reflected, left)
            else:
                _compared(flow, node, left, method, right)
        left = right
    return flow.constant_of("bool")


def _compared(flow: FlowContext, node: ast.Compare, base: Place | None, method: str, argument: Place | None) -> None:
    if base is not None and base not in flow.constant_kinds:
        flow.implied("binop", base, (method,), flow.span(node), (argument,))


def _bool_op(flow: FlowContext, node: ast.BoolOp) -> Place:
    return _any_of(flow, node.values)


def _if_exp(flow: FlowContext, node: ast.IfExp) -> Place:
    flow.value(node.test)
    return _any_of(flow, (node.body, node.orelse))


def _any_of(flow: FlowContext, nodes: Iterable[ast.expr]) -> Place:
    result = flow.temporary()
    for node in nodes:
        flow.copy(result, flow.value(node), "ifexp")
    return result


def _named_expr(flow: FlowContext, node: ast.NamedExpr) -> Place | None:
    value = flow.value(node.value)
    flow.copy(flow.definition_place(node.target), value, "walrus")
    return value


def _operand(flow: FlowContext, node: ast.Await | ast.Starred) -> Place | None:
    """The value of ``await x`` is that of ``x``."""
    return flow.value(node.value)


def _yield(flow: FlowContext, node: ast.Yield) -> Place:
    """Lower ``yield``, whose value is the one that is sent to the generator."""
    if node.value is not None:
        flow.copy(f"yld:{flow.executor.def_id}", flow.value(node.value), "yield")
    return f"x:{flow.executor.def_id}:sent"


def _joined_str(flow: FlowContext, node: ast.JoinedStr) -> Place:
    _fields(flow, node)
    match node.values:
        case [ast.Constant(value=str() as text), *_]:
            return flow.beginning(text)
        case _:
            return flow.constant_of("str")


def _fields(flow: FlowContext, node: ast.JoinedStr) -> None:
    for part in node.values:
        if not isinstance(part, ast.Constant):
            flow.parts(part)


EXPRESSIONS: Mapping[str, FlowVisitor] = {
    "Constant": _constant,
    "Name": _name,
    "Attribute": _attribute,
    "Call": _call,
    "BinOp": _bin_op,
    "UnaryOp": _unary_op,
    "Compare": _compare,
    "BoolOp": _bool_op,
    "IfExp": _if_exp,
    "NamedExpr": _named_expr,
    "Await Starred": _operand,
    "Yield": _yield,
    "JoinedStr": _joined_str,
    "TemplateStr": _fields,
}
