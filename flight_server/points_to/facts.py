"""A repo's raw facts as numbers, before any rule has run: places, keys, definitions and call sites."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from flight_server.points_to.field_keys import FieldKeys, number_keys
from flight_server.points_to.integer_columns import Ints, Mask, ints
from flight_server.points_to.interned_strings import FileOrder, Interned, Strings, flags, is_one_of

Tables = Mapping[str, pa.Table]
Column = TypeVar("Column", Ints, Mask)

PLACE_COLUMNS = tuple(
    (name, column)
    for name, columns in {
        "flow_copies": "dst src",
        "flow_allocs": "place",
        "flow_loads": "dst base key_place",
        "flow_stores": "base key_place src",
        "flow_calls": "callee result",
        "flow_args": "place",
        "flow_annotations": "place annotation_place",
        "cst_params": "place default_place",
        "cst_bases": "place",
    }.items()
    for column in columns.split()
)
DEEPEST = 64  # levels of nested definitions
CONTAINERS = ("list", "tuple", "set", "dict", "generator")
_BINDS = (
    *(("flow_copies", "dst"), ("flow_allocs", "place"), ("flow_loads", "dst"), ("flow_calls", "result")),
    *(("flow_annotations", "place"), ("cst_params", "place")),
)


@dataclass(frozen=True)
class DefinitionFacts:
    """The repo's definitions by number, from 1; index 0 of each integer or boolean column stands for no definition.

    ``row`` is the row in ``cst_defs``, ``container`` the enclosing definition; ``returns``, ``yields`` and ``sent`` are
    places. Functions that Python binds specially without a decorator (``__new__``) are included in ``static`` and
    ``class_method``.
    """

    ids: Interned
    kind: pa.Array
    row: Ints
    container: Ints
    name: Ints
    is_function: Mask
    is_class: Mask
    is_module: Mask
    is_generator: Mask
    static: Mask
    class_method: Mask
    dataclass: Mask
    returns: Ints
    yields: Ints
    sent: Ints

    def executing(self, definitions: Ints) -> Ints:
        """The definitions that execute the code of these: a comprehension's code is executed by the one around it."""
        return self.around(definitions, self.is_function | self.is_class | self.is_module)

    def module_of(self, definitions: Ints) -> Ints:
        """The modules that contain the definitions."""
        return self.around(definitions, self.is_module)

    def depth(self) -> Ints:
        """The number of definitions around each definition."""
        depth, outer = np.zeros(len(self.container), np.int64), self.container
        for _ in range(DEEPEST):
            if not outer.any():
                break
            depth += outer > 0
            outer = self.container[outer]
        return depth

    def around(self, definitions: Ints, runs: Mask) -> Ints:
        """For each definition the innermost one that the mask chooses: itself, or one around it."""
        for _ in range(DEEPEST):
            inside = ~runs[definitions] & (definitions > 0)
            if not inside.any():
                break
            definitions = np.where(inside, self.container[definitions], definitions)
        return definitions


@dataclass(frozen=True)
class SiteFacts:
    """Call sites by number: ``callee`` and ``result`` are places, ``caller`` and ``decorated`` are definitions."""

    ids: Interned
    kind: pa.Array
    callee: Ints
    result: Ints
    caller: Ints
    explicit: Mask
    decorates: Mask
    decorated: Ints


@dataclass(frozen=True)
class Facts:
    """The numbered facts.

    ``place`` has the columns of PLACE_COLUMNS as numbers of ``places``. ``bound`` marks the places that get a value.
    ``variables`` are the places that are variables, with their scope (a definition) and name (a key). ``containers``
    has the ids of the containers that the source spells.
    """

    tables: Tables
    files: FileOrder
    places: Interned
    place: Mapping[tuple[str, str], Ints]
    bound: Mask
    keys: FieldKeys
    definitions: DefinitionFacts
    sites: SiteFacts
    variables: Ints
    scope_of_variable: Ints
    name_of_variable: Ints
    containers: Interned

    @cached_property
    def last_place(self) -> int:
        """The last place of the source; higher numbers are places that the solver creates."""
        return len(self.places.values)

    def by_place(self, places: Ints, values: Ints | int) -> Ints:
        """A column by place of the source, with these values at these places and 0 elsewhere; place 0 has no value."""
        column = np.zeros(self.last_place + 1, np.int64)
        column[places] = values
        column[0] = 0
        return column

    def number(self, table: str, column: str) -> Ints:
        """A column of integers; null becomes 0."""
        return ints(self.tables[table][column].combine_chunks().fill_null(0).to_numpy(zero_copy_only=False))

    def definition_files(self, definitions: Ints) -> pa.DictionaryArray:
        """The files that contain the definitions; null for 0."""
        return self.files.ids.coded(self.definitions.ids.files[definitions])

    def place_files(self, places: Ints) -> pa.DictionaryArray:
        """The files that contain the places of the source; null for 0."""
        return self.files.ids.coded(self.places.files[places])


def number_facts(tables: Tables, fixed_names: Sequence[str]) -> Facts:
    """Number a repo's facts; ``fixed_names`` are names that the rules refer to."""
    files = FileOrder.of(tables["repo_files"])
    definition_ids = files.interned(tables["cst_defs"]["def_id"])
    ends = [
        pc.binary_join_element_wise(start, definition_ids.values, end, "")
        for start, end in (("ret:", ""), ("yld:", ""), ("x:", ":sent"))
    ]
    places, columns = files.numbered([tables[name][column] for name, column in PLACE_COLUMNS] + ends)
    place = dict(zip(PLACE_COLUMNS, columns, strict=False))
    variables, scopes, names = _variables(places)
    keys = number_keys(list(_names(tables, names)), _subscripts(tables), fixed_names)
    allocs = tables["flow_allocs"]
    return Facts(
        tables=tables,
        files=files,
        places=places,
        place=place,
        bound=_marked(len(places.values) + 1, np.concatenate([place[column] for column in _BINDS])),
        keys=keys,
        definitions=_definitions(tables, definition_ids, keys, columns[-3:]),
        sites=_sites(tables, files, definition_ids, place),
        variables=variables,
        scope_of_variable=definition_ids.find(scopes),
        name_of_variable=keys.find(names),
        containers=files.interned(allocs["object_id"].filter(pc.is_in(allocs["object_kind"], pa.array(CONTAINERS)))),
    )


def where_equal(table: pa.Table, column: str, *values: str) -> Mask:
    """Which rows have one of the values in a column."""
    return is_one_of(table[column], *values)


def _variables(places: Interned) -> tuple[Ints, pa.Array, pa.Array]:
    """The places that are variables of a definition's scope, the definition's id and the name."""
    split = pc.split_pattern(places.values, "/scope:", max_splits=1)
    is_variable = pc.and_(pc.equal(pc.list_value_length(split), 2), pc.starts_with(places.values, "var:"))
    parts = split.filter(is_variable).flatten()
    return np.flatnonzero(flags(is_variable)) + 1, pc.utf8_slice_codeunits(parts[::2], len("var:")), parts[1::2]


def _names(tables: Tables, variables: Strings) -> Iterator[Strings]:
    loads, stores, allocs, files = (tables[name] for name in ("flow_loads", "flow_stores", "flow_allocs", "repo_files"))
    yield variables
    for table in (loads, stores):
        yield table["key"].filter(pc.equal(table["access"], "attr"))
    yield allocs["const_repr"].filter(pc.equal(allocs["object_kind"], "import_from"))
    yield from beginnings(allocs["const_repr"].filter(pc.equal(allocs["object_kind"], "prefix")))
    yield from (tables["flow_args"]["keyword"], tables["cst_bases"]["keyword"])
    yield from (tables[name]["name"] for name in ("cst_params", "cst_defs", "cst_exports"))
    is_import = pc.is_in(allocs["object_kind"], pa.array(["import", "import_from", "import_star"]))
    yield files["module"]
    steps = pc.replace_substring(pc.replace_substring_regex(files["path"], r"\.pyi?$", ""), "/", ".")
    for dotted in (pc.unique(allocs["object_id"].filter(is_import)), files["module"], steps):
        yield pc.unique(pc.list_flatten(pc.split_pattern(dotted, ".")))


def beginnings(reprs: Strings) -> tuple[Strings, Strings]:
    """For the reprs of prefixes: the prefix, and a text that sorts after all names with the prefix."""
    first = pc.utf8_slice_codeunits(reprs, 1, -1)
    return first, pc.binary_join_element_wise(first, "\U0010ffff", "")


def _subscripts(tables: Tables) -> list[Strings]:
    loads, stores, allocs = tables["flow_loads"], tables["flow_stores"], tables["flow_allocs"]
    return [
        pc.unique(strings).drop_null()
        for strings in (
            loads["key"].filter(pc.equal(loads["access"], "item")),
            stores["key"].filter(pc.equal(stores["access"], "item")),
            allocs["const_repr"].filter(pc.is_in(allocs["object_kind"], pa.array(["str", "int"]))),
        )
    ]


def _definitions(tables: Tables, ids: Interned, keys: FieldKeys, ends: Sequence[Ints]) -> DefinitionFacts:
    returns, yields, sent = map(_with_null, ends)
    table, decorators = tables["cst_defs"], tables["cst_decorators"]
    row = _rows_of(ids, table["def_id"])
    ordered = table.take(pa.array(row))
    kind = ordered["kind"].combine_chunks()
    static, class_method, dataclass = (
        _marked(len(row) + 1, ids.find(decorators["def_id"].filter(pc.equal(decorators["known"], mark))))
        for mark in ("static", "class", "dataclass")
    )
    return DefinitionFacts(
        ids=ids,
        kind=kind,
        row=_with_null(row),
        container=_with_null(ids.find(ordered["container_def_id"])),
        name=_with_null(keys.find(ordered["name"])),
        is_function=_with_null(is_one_of(kind, "function", "async_function", "lambda")),
        is_class=_with_null(is_one_of(kind, "class", "made_class")),
        is_module=_with_null(is_one_of(kind, "module")),
        is_generator=_with_null(flags(ordered["is_generator"])),
        static=static | _with_null(is_one_of(ordered["name"], "__new__")),
        class_method=class_method | _with_null(is_one_of(ordered["name"], "__init_subclass__", "__class_getitem__")),
        dataclass=dataclass,
        returns=returns,
        yields=yields,
        sent=sent,
    )


def _sites(tables: Tables, files: FileOrder, definitions: Interned, place: Mapping[tuple[str, str], Ints]) -> SiteFacts:
    table, decorators = tables["flow_calls"], tables["cst_decorators"]
    ids = files.interned(table["site_id"])
    row = _rows_of(ids, table["site_id"])
    kind = table["site_kind"].take(pa.array(row)).combine_chunks()
    decorated = np.zeros(len(row) + 1, np.int64)
    decorated[ids.find(decorators["site_id"])] = definitions.find(decorators["def_id"])
    decorated[0] = 0
    return SiteFacts(
        ids=ids,
        kind=kind,
        callee=_with_null(place["flow_calls", "callee"][row]),
        result=_with_null(place["flow_calls", "result"][row]),
        caller=_with_null(definitions.find(table["caller_def_id"])[row]),
        explicit=_with_null(is_one_of(kind, "call", "decorator")),
        decorates=_with_null(is_one_of(kind, "decorator")),
        decorated=decorated,
    )


def _rows_of(ids: Interned, column: Strings) -> Ints:
    """The row of each id."""
    row = np.zeros(len(ids.values) + 1, np.int64)
    row[ids.find(column)] = np.arange(len(column))
    return row[1:]


def _marked(size: int, numbers: Ints) -> Mask:
    mask = np.zeros(size, bool)
    mask[numbers[numbers > 0]] = True
    return mask


def _with_null(column: Column) -> Column:
    return np.concatenate([np.zeros(1, column.dtype), column])
