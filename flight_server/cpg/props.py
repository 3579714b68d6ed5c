"""Properties of nodes: by default what people ask for first and what no table gives, or every column of every table.

A family names the columns that become properties, ``key=column`` where the two differ.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from arrowdsl.compute.expr import Column
from arrowdsl.plan.nodes import Plan, Union
from flight_client.contracts.raw import RAW_TABLES
from flight_server.cpg import graph
from flight_server.cpg.families import NodeFamily
from flight_server.cpg.templates import matching, template
from flight_server.normalize.properties import unpivoted

_IDS_AND_PLACES = frozenset({"file_id", "path"})


@dataclass(frozen=True)
class PropFamily:
    """Properties of the nodes whose id is ``id`` (a template), a row of ``rows`` each."""

    rows: str
    id: str
    columns: str
    given: tuple[str, ...] = ()

    @property
    def keys(self) -> dict[str, str]:
        """The columns by the keys of the properties."""
        pairs = (word.partition("=") for word in self.columns.split())
        return {key: column or key for key, _, column in pairs}


PART = (
    PropFamily("repo_files", "{file_id}", "path size_bytes encoding sha256=file_sha256"),
    PropFamily("repo_files", "module:{file_id}", "name=module is_package", given=("module",)),
    PropFamily("cst_defs", "{def_id}", "name kind docstring is_generator"),
    PropFamily("definition_qnames", "{def_id}", "qname"),
    PropFamily("definition_facts", "{def_id}", "loc complexity param_count call_count signature"),
    PropFamily("cst_params", "{param_id}", "name kind position=pos"),
    PropFamily("cst_callsites", "{call_id}", "callee=callee_text shape=callee_shape arg_count"),
    PropFamily("cst_imports", "{import_id}", "name kind module asname relative_level is_star"),
    PropFamily("cst_decorators", "{def_id}/decorator:{pos:d}", "position=pos known"),
    PropFamily("arguments", "arg:{file_id}:{bstart:d}-{bend:d}", "field=field_name position=field_pos"),
    PropFamily("literals", "literal:{file_id}:{bstart:d}-{bend:d}", "value=value_repr"),
    PropFamily("sym_symbols", "{symbol_row_id}", "name"),
    PropFamily("sym_scopes", "{scope_id}", "name=scope_name kind=scope_type"),
    PropFamily("cfg_points", "{point_id}", "kind"),
    PropFamily("var_events", "{event_id}", "kind binding=binding_id"),
    PropFamily("type_exprs_norm", "{type_expr_id}", "type=type_repr role=expr_role"),
    PropFamily("diagnostics_norm", "{diag_id}", "message severity code source=diag_source"),
)
REPO = (
    PropFamily("repo_names", "repo:{repo}", "name=repo"),
    PropFamily("packages", "package:{package}", "name=package"),
    PropFamily("dim_qualified_names", "{qname_id}", "name=qname"),
    PropFamily("externals", "external:{name}", "name"),
    PropFamily("types_norm", "{type_id}", "name=type_repr form=type_form origin"),
    PropFamily("rt_objects", "{rt_id}", "name kind=obj_type module qualname"),
    PropFamily("rt_signatures", "{sig_id}", "signature"),
)


def columns_of_tables(families: Iterable[NodeFamily], known: Iterable[PropFamily]) -> tuple[PropFamily, ...]:
    """A family for each raw table whose rows are nodes, of the columns that are not properties by default."""
    told: dict[tuple[str, str], set[str]] = {}
    for each in known:
        told.setdefault((each.rows, each.id), set()).update(each.keys.values())
    return tuple(
        _rest(family, told.get((family.rows, family.id), set())) for family in families if family.rows in RAW_TABLES
    )


def props(families: Iterable[PropFamily], relations: Mapping[str, Plan]) -> Plan:
    """The columns of cpg_props, family by family."""
    return Union(tuple(_plan(family, relations[family.rows]) for family in families))


def sources(families: Iterable[PropFamily]) -> tuple[str, ...]:
    """The tables that the properties come from."""
    return tuple(dict.fromkeys(family.rows for family in families))


def _plan(family: PropFamily, rows: Plan) -> Plan:
    chosen = rows.where(matching({}, family.given)) if family.given else rows
    named = {key: Column(column) for key, column in family.keys.items()}
    return unpivoted(chosen.select(entity_id=template(family.id), **named), tuple(named))


def _rest(family: NodeFamily, told: set[str]) -> PropFamily:
    columns = (name for name in RAW_TABLES[family.rows].schema.names if name not in told | _IDS_AND_PLACES)
    return PropFamily(family.rows, family.id, " ".join(columns), family.given)


ALL_PART = (*PART, *columns_of_tables(graph.PART_NODES, PART))
ALL_REPO = (*REPO, *columns_of_tables(graph.REPO_NODES, REPO))
