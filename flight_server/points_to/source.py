"""A repo's facts as numbers: places, keys, definitions and call sites, and what is known before any rule has run."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from flight_server.points_to.columns import Ints, Mask
from flight_server.points_to.interning import Files, Strings, Texts
from flight_server.points_to.keys import Keys, number_keys

Tables = Mapping[str, pa.Table]
Column = TypeVar("Column", Ints, Mask)

PLACE_COLUMNS = (
    *(("flow_copies", "dst"), ("flow_copies", "src"), ("flow_allocs", "place"), ("flow_loads", "dst")),
    *(("flow_loads", "base"), ("flow_loads", "key_place"), ("flow_stores", "base"), ("flow_stores", "key_place")),
    *(("flow_stores", "src"), ("flow_calls", "callee"), ("flow_calls", "result"), ("flow_args", "place")),
    *(("flow_annotations", "place"), ("flow_annotations", "annotation_place"), ("cst_params", "place")),
    *(("cst_params", "default_place"), ("cst_bases", "place")),
)
DEEPEST = 64  # definitions inside of definitions
_BINDS = (
    *(("flow_copies", "dst"), ("flow_allocs", "place"), ("flow_loads", "dst"), ("flow_calls", "result")),
    *(("flow_annotations", "place"), ("cst_params", "place")),
)


@dataclass(frozen=True)
class Definitions:
    """The repo's definitions by number; columns have a value for each number, from 1.

    ``kind`` is the definition's, ``row`` its row in ``cst_defs``, ``container`` a number, ``returns``, ``yields`` and
    ``sent`` are places. Functions that Python binds in a way of its own without a decorator (``__new__``) are among
    ``static`` and ``class_method``.
    """

    ids: Texts
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
        """The definitions whose code runs the code of these: what encloses comprehensions."""
        return self._around(definitions, self.is_function | self.is_class | self.is_module)

    def module_of(self, definitions: Ints) -> Ints:
        """The modules that definitions are in."""
        return self._around(definitions, self.is_module)

    def _around(self, definitions: Ints, runs: Mask) -> Ints:
        for _ in range(DEEPEST):
            inside = ~runs[definitions] & (definitions > 0)
            if not inside.any():
                break
            definitions = np.where(inside, self.container[definitions], definitions)
        return definitions


@dataclass(frozen=True)
class Sites:
    """Call sites by number: callee and result are places, ``caller`` and ``decorated`` are definitions."""

    ids: Texts
    kind: pa.Array
    callee: Ints
    result: Ints
    caller: Ints
    explicit: Mask
    decorates: Mask
    decorated: Ints


@dataclass(frozen=True)
class Source:
    """The numbered facts. ``place`` has the columns of PLACE_COLUMNS; ``bound``: the places that get a value."""

    tables: Tables
    files: Files
    places: Texts
    place: Mapping[tuple[str, str], Ints]
    bound: Mask
    keys: Keys
    definitions: Definitions
    sites: Sites
    variables: Ints
    scope_of_variable: Ints
    name_of_variable: Ints

    def files_of_definitions(self, definitions: Ints) -> pa.DictionaryArray:
        """The files that definitions are in, null for 0."""
        return self.files.at(self.definitions.ids.files[definitions])

    def files_of_places(self, places: Ints) -> pa.DictionaryArray:
        """The files that places of the source are in, null for 0."""
        return self.files.at(self.places.files[places])

    @property
    def site_kinds(self) -> pa.Array:
        """The kinds of sites by number, the first for 0 being null."""
        return pa.concat_arrays([pa.nulls(1, pa.string()), self.sites.kind])


def number_source(tables: Tables, fixed_names: tuple[str, ...]) -> Source:
    """Number a repo's facts; ``fixed_names`` are names that the rules know."""
    files = Files.of(tables["repo_files"])
    definition_ids = files.texts(tables["cst_defs"]["def_id"])
    ends = [
        pc.binary_join_element_wise(start, definition_ids.values, end, "")
        for start, end in (("ret:", ""), ("yld:", ""), ("x:", ":sent"))
    ]
    places, columns = files.numbered([tables[name][column] for name, column in PLACE_COLUMNS] + ends)
    place = dict(zip(PLACE_COLUMNS, columns, strict=False))
    bound = np.zeros(len(places.values) + 1, bool)
    for column in _BINDS:
        bound[place[column]] = True
    variables, scopes, names = _variables(places)
    keys = number_keys(_names(tables, names), _subscripts(tables), fixed_names)
    return Source(
        tables=tables,
        files=files,
        places=places,
        place=place,
        bound=bound,
        keys=keys,
        definitions=_definitions(tables, definition_ids, keys, columns[-3:]),
        sites=_sites(tables, files, definition_ids, place),
        variables=variables,
        scope_of_variable=definition_ids.find(scopes),
        name_of_variable=keys.all.find(names),
    )


def rows_where(table: pa.Table, column: str, value: str) -> Mask:
    """Which rows have a value in a column."""
    mask: Mask = pc.equal(table[column], value).fill_null(fill_value=False).to_numpy()
    return mask


def flags(column: Strings) -> Mask:
    """A boolean column, null being false."""
    mask: Mask = column.fill_null(fill_value=False).to_numpy(zero_copy_only=False)
    return mask


def is_one_of(strings: Strings, *values: str) -> Mask:
    """Which strings are one of the values."""
    return flags(pc.is_in(strings, pa.array(values)))


def _variables(places: Texts) -> tuple[Ints, pa.Array, pa.Array]:
    """The places that are variables of a definition's scope, the definition's id and the name."""
    start = len("var:")
    split = pc.split_pattern(places.values, "/scope:", max_splits=1)
    is_variable = pc.and_(pc.equal(pc.list_value_length(split), 2), pc.starts_with(places.values, "var:"))
    positions = np.flatnonzero(is_variable.to_numpy(zero_copy_only=False))
    parts = split.filter(is_variable).flatten()
    return positions + 1, pc.utf8_slice_codeunits(parts[::2], start), parts[1::2]


def _names(tables: Tables, variables: Strings) -> list[Strings]:
    loads, stores, allocs = tables["flow_loads"], tables["flow_stores"], tables["flow_allocs"]
    modules = [
        _steps(strings) for strings in (_imported(allocs), tables["repo_files"]["module"], _dotted_paths(tables))
    ]
    return [
        variables,
        loads["key"].filter(pc.equal(loads["access"], "attr")),
        stores["key"].filter(pc.equal(stores["access"], "attr")),
        allocs["const_repr"].filter(pc.equal(allocs["object_kind"], "import_from")),
        tables["flow_args"]["keyword"],
        tables["cst_bases"]["keyword"],
        *beginnings(allocs["const_repr"].filter(pc.equal(allocs["object_kind"], "prefix"))),
        tables["cst_params"]["name"],
        tables["cst_defs"]["name"],
        tables["cst_exports"]["name"],
        *(tables["repo_files"]["module"], _dotted_paths(tables)),
        *modules,
    ]


def beginnings(reprs: Strings) -> tuple[Strings, Strings]:
    """For the reprs of texts that names begin with, that text, and one behind all such names."""
    first = pc.utf8_slice_codeunits(reprs, 1, -1)
    return first, pc.binary_join_element_wise(first, "\U0010ffff", "")


def _imported(allocs: pa.Table) -> Strings:
    is_import = pc.is_in(allocs["object_kind"], pa.array(["import", "import_from", "import_star"]))
    return pc.unique(allocs["object_id"].filter(is_import))


def _dotted_paths(tables: Tables) -> Strings:
    return pc.replace_substring(pc.replace_substring_regex(tables["repo_files"]["path"], r"\.py$", ""), "/", ".")


def _steps(dotted: Strings) -> Strings:
    return pc.unique(pc.list_flatten(pc.split_pattern(dotted, ".")))


def _subscripts(tables: Tables) -> list[Strings]:
    loads, stores, allocs = tables["flow_loads"], tables["flow_stores"], tables["flow_allocs"]
    spelled = pc.is_in(allocs["object_kind"], pa.array(["str", "int"]))
    return [
        pc.unique(strings).drop_null()
        for strings in (
            loads["key"].filter(pc.equal(loads["access"], "item")),
            stores["key"].filter(pc.equal(stores["access"], "item")),
            allocs["const_repr"].filter(spelled),
        )
    ]


def _definitions(tables: Tables, ids: Texts, keys: Keys, ends: Sequence[Ints]) -> Definitions:
    returns, yields, sent = ends
    table = tables["cst_defs"]
    at = ids.find(table["def_id"])
    row = np.zeros(len(ids.values) + 1, np.int64)
    row[at] = np.arange(len(at))
    ordered = table.take(pa.array(row[1:]))
    kind = ordered["kind"].combine_chunks()
    known = tables["cst_decorators"]
    static, class_method, dataclass = (
        _marked(len(row), ids.find(known["def_id"].filter(pc.equal(known["known"], mark))))
        for mark in ("static", "class", "dataclass")
    )
    implicit = pc.is_in(ordered["name"], pa.array(["__init_subclass__", "__class_getitem__"]))
    return Definitions(
        ids=ids,
        kind=kind,
        row=row,
        container=_with_null(ids.find(ordered["container_def_id"])),
        name=_with_null(keys.all.find(ordered["name"])),
        is_function=_with_null(is_one_of(kind, "function", "async_function", "lambda")),
        is_class=_with_null(is_one_of(kind, "class")),
        is_module=_with_null(is_one_of(kind, "module")),
        is_generator=_with_null(flags(ordered["is_generator"])),
        static=static | _with_null(is_one_of(ordered["name"], "__new__")),
        class_method=class_method | _with_null(flags(implicit)),
        dataclass=dataclass,
        returns=_with_null(returns),
        yields=_with_null(yields),
        sent=_with_null(sent),
    )


def _marked(size: int, numbers: Ints) -> Mask:
    mask = np.zeros(size, bool)
    mask[numbers[numbers > 0]] = True
    return mask


def _with_null(column: Column) -> Column:
    return np.concatenate([np.zeros(1, column.dtype), column])


def _sites(tables: Tables, files: Files, definition_ids: Texts, place: Mapping[tuple[str, str], Ints]) -> Sites:
    table = tables["flow_calls"]
    ids = files.texts(table["site_id"])
    at = ids.find(table["site_id"])
    row = np.zeros(len(ids.values) + 1, np.int64)
    row[at] = np.arange(len(at))
    row = row[1:]
    kind = table["site_kind"].take(pa.array(row)).combine_chunks()
    return Sites(
        ids=ids,
        kind=kind,
        callee=_with_null(place["flow_calls", "callee"][row]),
        result=_with_null(place["flow_calls", "result"][row]),
        caller=_with_null(definition_ids.find(table["caller_def_id"])[row]),
        explicit=_with_null(is_one_of(kind, "call", "decorator")),
        decorates=_with_null(is_one_of(kind, "decorator")),
        decorated=_decorated(tables["cst_decorators"], ids, definition_ids),
    )


def _decorated(decorators: pa.Table, sites: Texts, definitions: Texts) -> Ints:
    """What each site decorates, 0 for sites that call no decorator."""
    decorated = np.zeros(len(sites.values) + 1, np.int64)
    decorated[sites.find(decorators["site_id"])] = definitions.find(decorators["def_id"])
    decorated[0] = 0
    return decorated
