"""Definitions to facts: functions, lambdas, classes, their parameters, decorators and bases, imports, type parameters.

What is evaluated where a definition stands (defaults, decorators, bases, annotations) is lowered there, its body in its
own scope. Places and sites that rows of the layer ``cst`` name too are numbered by their positions.
"""

import ast
from types import MappingProxyType

from flight_client.extract.flow_annotations import Annotations
from flight_client.extract.flow_containers import HANDLERS as OF_CONTAINERS
from flight_client.extract.lexical_scopes import LexicalScope
from flight_client.extract.places import Place, argument_place, base_place, decorator_site, default_place
from flight_client.extract.syntax_tree import Function, NamedNode, TypeAliasNode, defaults, parameters

HANDLERS = MappingProxyType(
    {
        **OF_CONTAINERS,
        "FunctionDef": "_function",
        "AsyncFunctionDef": "_function",
        "Lambda": "_lambda",
        "ClassDef": "_class",
        "TypeAlias": "_type_alias",
        "TypeVar": "_type_param",
        "ParamSpec": "_type_param",
        "TypeVarTuple": "_type_param",
        "Import": "_import",
        "ImportFrom": "_import_from",
    }
)


class Definitions(Annotations):
    """Lowers what defines functions, classes and modules' names."""

    handlers = HANDLERS

    def _function(self, node: Function) -> None:
        function = self.walk.opened[node]
        outer = self.scope
        decorators = [self.value(decorator) for decorator in node.decorator_list]
        self._defaults(node.args, function)
        self._type_params(node, function)
        self._parameters(node.args, function)
        if node.returns is not None:
            self.annotate_result(function, node.returns)
        self.enter(outer)
        self._define(node, function, "function", decorators)
        self.enter(function)
        self.values(node.body)
        self.enter(outer)

    def _lambda(self, node: ast.Lambda) -> Place:
        function = self.walk.opened[node]
        place = self.executor.temporary()
        self.rows.allocs.append((place, function.def_id, "function", None))
        self._defaults(node.args, function)
        self._parameters(node.args, function)
        outer = self.enter(function)
        self.copy(f"ret:{function.def_id}", self.value(node.body), "return")
        self.enter(outer)
        return place

    def _class(self, node: ast.ClassDef) -> None:
        body = self.walk.opened[node]
        outer = self.scope
        decorators = [self.value(decorator) for decorator in node.decorator_list]
        self._type_params(node, body)
        for position, base in enumerate(node.bases):
            self.copy(base_place(body, position), self._base(base), "assign")
        for position, keyword in enumerate(node.keywords, len(node.bases)):
            self.copy(base_place(body, position), self.value(keyword.value), "assign")
        self.enter(outer)
        self._define(node, body, "class", decorators)
        self.enter(body)
        self.values(node.body)
        self.enter(outer)

    def _base(self, node: ast.expr) -> Place | None:
        """``Base[X]`` is ``Base``."""
        if isinstance(node, ast.Subscript):
            self.mention(node.slice)
            return self._base(node.value)
        return self.value(node)

    def _define(
        self, node: Function | ast.ClassDef, definition: LexicalScope, kind: str, decorators: list[Place | None]
    ) -> None:
        """Bind the definition to its name, by way of its decorators from the last to the first."""
        bound = self.bound_place(node, node.name)
        place = self.executor.temporary() if decorators else bound
        self.rows.allocs.append((place, definition.def_id, kind, None))
        executor, rows = self.executor, self.rows
        for position in reversed(range(len(decorators))):
            site, result = decorator_site(definition, position), executor.temporary() if position else bound
            span = self.span(node.decorator_list[position])
            rows.calls.append((*span, site, None, "decorator", decorators[position], result, executor.def_id))
            rows.args.append((None, None, site, 0, None, 0, place))
            place = result

    def _defaults(self, node: ast.arguments, function: LexicalScope) -> None:
        """The defaults of parameters come to places that are numbered like these."""
        named = parameters(node)
        for position, default in defaults(node).items():
            place = default_place(function, position)
            self.copy(place, self.value(default), "default")
            self.copy(argument_place(function, named[position].arg, position), place, "default")

    def _parameters(self, node: ast.arguments, function: LexicalScope) -> None:
        """Parameters, with their annotations; the surplus of arguments is a tuple and a dict."""
        names = self.names_of(function)
        for position, parameter in enumerate(parameters(node)):
            place = argument_place(function, parameter.arg, position)
            self.copy(names[parameter.arg].place, place, "assign")
            held = place
            if parameter is node.vararg or parameter is node.kwarg:
                kind = "tuple" if parameter is node.vararg else "dict"
                self.rows.allocs.append((place, f"obj:{function.def_id}:p{position}", kind, None))
                if parameter.annotation is not None:
                    held = self.executor.temporary()
                    self.put(place, held)
            if parameter.annotation is not None:
                self.annotate(held, parameter.annotation)
            if not position and (node.posonlyargs or node.args):
                self.first_parameter[function] = place

    def _type_params(self, node: Function | ast.ClassDef, definition: LexicalScope) -> None:
        """Type parameters (3.12), in their own scope, in which the caller goes on."""
        found = getattr(node, "type_params", ())
        if found and definition.parent is not None:
            self.enter(definition.parent)
            self.values(found)

    def _type_param(self, node: NamedNode) -> None:
        """What is annotated with a type parameter may be an instance of its bound, or of its default (3.13)."""
        place = self.bound_place(node, node.name)
        for name in ("bound", "default_value"):
            meant = getattr(node, name, None)
            for member in meant.elts if isinstance(meant, ast.Tuple) else [meant]:
                if member is not None:
                    self.copy(place, self.value(member), "assign")

    def _type_alias(self, node: TypeAliasNode) -> None:
        place = self.definition_place(node.name)
        outer = self.enter(self.walk.opened[node])
        self.values(node.type_params)
        self.classes(place, node.value)
        self.enter(outer)

    def _import(self, node: ast.Import) -> None:
        for alias in node.names:
            root = alias.name.partition(".")[0]
            place = self.bound_place(alias, alias.asname or root)
            row = (alias.name, "import", None) if alias.asname else (root, "import", alias.name)
            self.rows.allocs.append((place, *row))

    def _import_from(self, node: ast.ImportFrom) -> None:
        module = self.walk.module.absolute(node.level, node.module or "")
        for alias in node.names:
            if alias.name == "*":
                place = f"var:{self.scope.scope_id}:*"
                self.rows.allocs.append((place, module, "import_star", None))
            else:
                place = self.bound_place(alias, alias.asname or alias.name)
                self.rows.allocs.append((place, module, "import_from", alias.name))
