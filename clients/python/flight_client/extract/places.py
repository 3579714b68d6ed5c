"""The places that rows of ``cst`` and ``flow`` share. They are numbered by position, so neither layer needs the other.

``x:<def_id>:p<pos>`` is a parameter, ``v<pos>`` its default, ``b<pos>`` a base or keyword of a class, and
``site:<def_id>:d<pos>`` the call of a decorator. The templates in ``raw_rows`` spell them in the same way.
"""

from flight_client.extract.lexical_scopes import LexicalScope, mangled

Place = str


def variable_place(scope: LexicalScope, lookup: str) -> Place:
    """The place of a variable: the scope that binds it, and its mangled name."""
    return f"var:{scope.scope_id}:{lookup}"


def argument_place(function: LexicalScope, name: str, position: int) -> Place:
    """The place that receives an argument: the variable, or a separate place if the function binds the name again."""
    lookup = mangled(name, function.private)
    if len(function.bound.get(lookup, ())) > 1:
        return f"x:{function.def_id}:p{position}"
    return variable_place(function, lookup)


def default_place(function: LexicalScope, position: int) -> Place:
    """The place of a parameter's default."""
    return f"x:{function.def_id}:v{position}"


def base_place(definition: LexicalScope, position: int) -> Place:
    """The place of a base or keyword of a class."""
    return f"x:{definition.def_id}:b{position}"


def class_place(definition: LexicalScope) -> Place:
    """The place of the undecorated class, which is ``__class__`` in its methods."""
    return f"x:{definition.def_id}:class"


def decorator_site(definition: LexicalScope, position: int) -> str:
    """The site that calls a decorator."""
    return f"site:{definition.def_id}:d{position}"
