"""Rows of the layer ``flow``, and the definitions that number their places and sites.

A place may hold objects: a variable, the result of a function, the value of an expression. Places are strings without
offsets. ``docs/flow.md`` describes their notation, and each table.
"""

from dataclasses import dataclass, field

from flight_client.extract.lexical_scopes import LexicalScope
from flight_client.extract.places import Place
from flight_client.extract.walk import Row

SHOWN_CHARACTERS = 64  # of a constant's repr
UNEXECUTED = frozenset({"comprehension", "type_params"})  # scopes whose code counts for the definition around them


@dataclass(slots=True)
class FlowRows:
    """A file's rows by table, in the order of the walk; the columns are those of ``raw_rows.ROWS``."""

    copies: list[Row] = field(default_factory=list)
    allocs: list[Row] = field(default_factory=list)
    loads: list[Row] = field(default_factory=list)
    stores: list[Row] = field(default_factory=list)
    calls: list[Row] = field(default_factory=list)
    args: list[Row] = field(default_factory=list)
    annotations: list[Row] = field(default_factory=list)

    def tables(self) -> dict[str, list[Row]]:
        """The distinct rows, by table name."""
        return {f"flow_{name}": list(dict.fromkeys(getattr(self, name))) for name in self.__slots__}


@dataclass(slots=True, eq=False)
class Executor:
    """A definition whose code runs: a module, class body, function or lambda.

    It numbers its temporaries, objects and sites. In its code, equal constants share a place, and so do all loads of an
    attribute from the same place. ``overriding`` counts the ``try`` statements around the code that is lowered next
    whose ``finally`` replaces every ``return``.
    """

    def_id: str
    is_generator: bool
    temporaries: int = 0
    objects: int = 0
    sites: int = 0
    overriding: int = 0
    constants: dict[tuple[str, str | None], Place] = field(default_factory=dict)
    attributes: dict[tuple[Place, str], Place] = field(default_factory=dict)

    def temporary(self) -> Place:
        """A new place for a value."""
        self.temporaries += 1
        return f"x:{self.def_id}:{self.temporaries}"

    def object_id(self) -> str:
        """The id of a new object, made by a display, a comprehension or an annotation."""
        self.objects += 1
        return f"obj:{self.def_id}:{self.objects}"

    def site_id(self) -> str:
        """The id of a new call site."""
        self.sites += 1
        return f"site:{self.def_id}:{self.sites}"


def executing(scope: LexicalScope) -> LexicalScope:
    """The scope of the definition that executes a scope's code."""
    while scope.kind in UNEXECUTED and scope.parent is not None:
        scope = scope.parent
    return scope
