"""Which instruction may have given a variable the value that another reads: the optional layer bc.

Instructions are points, code units their owners, and what an instruction does to a variable is its event: so the solver
of ``reaching`` answers. An exception may leave a block at any of its instructions. What parameters hold at the start is
no instruction's doing, so a load of it alone has no row.
"""

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from arrowdsl.plan.nodes import Kernel, KernelFunction, Plan
from flight_server.normalize.blocks import Ints, codes, rows_of, spread
from flight_server.normalize.reaching import reaching_rows

_INSTRUCTIONS = (
    *("file_id", "path", "instr_id", "code_unit_id", "block_id", "instr_index"),
    *("opname", "argval_str", "argrepr"),
)
_FLOW = ("src_block_id", "dst_block_id", "kind")
_SPACES = ("FAST", "DEREF", "NAME", "GLOBAL")
ONE: Mapping[str, str] = MappingProxyType(  # what is done to the variable ``argval_str``
    {
        **{f"LOAD_{space}": "use" for space in (*_SPACES, "FAST_CHECK", "FAST_BORROW", "CLASSDEREF")},
        **{f"STORE_{space}": "def" for space in _SPACES},
        **{f"DELETE_{space}": "kill" for space in _SPACES},
        "LOAD_FAST_AND_CLEAR": "use",
    }
)
TWO: Mapping[str, tuple[str, str]] = MappingProxyType(  # what is done to the variables ``argrepr`` = "a, b", in turn
    {
        "LOAD_FAST_LOAD_FAST": ("use", "use"),
        "LOAD_FAST_BORROW_LOAD_FAST_BORROW": ("use", "use"),
        "STORE_FAST_LOAD_FAST": ("def", "use"),
        "STORE_FAST_STORE_FAST": ("def", "def"),
    }
)


def bytecode_reaching(bc_instructions: Plan, bc_cfg_edges: Plan) -> Plan:
    """file_id, path, def_event_id, use_event_id: instructions that set a variable, and those that may read it.

    An event's id is its instruction's.
    """
    function = KernelFunction(
        name="bytecode_reaching",
        version=1,
        apply=_reaching,
        needs=_INSTRUCTIONS,
        replaces_columns=True,
        side_needs=(_FLOW,),
    )
    return Kernel(bc_instructions.select(*_INSTRUCTIONS), function, (bc_cfg_edges.select(*_FLOW),))


def _reaching(instructions: pa.Table, edges: pa.Table) -> pa.Table:
    unit = codes(instructions.column("code_unit_id"))
    index = np.asarray(pc.fill_null(instructions.column("instr_index"), 0))
    order = np.lexsort((index, unit))
    instructions, unit = instructions.take(pa.array(order)), unit[order]
    starts = np.diff(unit, prepend=-1) != 0
    points = pa.table(
        {
            "point_id": instructions.column("instr_id"),
            "owner_def_id": instructions.column("code_unit_id"),
            "kind": pa.array(np.where(starts, "entry", "stmt")),
        }
    )
    found = reaching_rows(_events(instructions), points, _flow(instructions, edges)).drop_columns("binding_id")
    return found.group_by(found.column_names, use_threads=False).aggregate([])  # two variables may go the same way


def _events(instructions: pa.Table) -> pa.Table:
    """The events in the columns of ``var_events``; their id is the instruction's."""
    alone = _done(instructions, ONE)
    single = _named(*alone, alone[0].column("argval_str"), 0)
    pairs = [_done(instructions, {op: does[place] for op, does in TWO.items()}) for place in (0, 1)]
    first, second = (
        _named(chosen, kind, pc.replace_substring_regex(chosen.column("argrepr"), pattern, ""), place)
        for place, ((chosen, kind), pattern) in enumerate(zip(pairs, (", .*$", "^.*, "), strict=True))
    )
    return pa.concat_tables((single, first, second))


def _done(instructions: pa.Table, kinds: Mapping[str, str]) -> tuple[pa.Table, pa.ChunkedArray]:
    """The instructions of these names, and what each does."""
    which = pc.index_in(instructions.column("opname"), pa.array(list(kinds)))
    known = pc.is_valid(which)
    return instructions.filter(known), pa.chunked_array([pa.array(list(kinds.values()))]).take(which.filter(known))


def _named(chosen: pa.Table, kind: pa.ChunkedArray, variable: pa.ChunkedArray, ordinal: int) -> pa.Table:
    is_global = pc.match_substring(chosen.column("opname"), "GLOBAL")
    space = pc.if_else(is_global, "global", "own")  # a cell is the variable's whichever instruction reaches it
    binding = pc.binary_join_element_wise(chosen.column("code_unit_id"), space, variable, "/")
    return pa.table(
        {
            "file_id": chosen.column("file_id"),
            "path": chosen.column("path"),
            "event_id": chosen.column("instr_id"),
            "point_id": chosen.column("instr_id"),
            "ordinal": pa.repeat(pa.scalar(ordinal, pa.int32()), chosen.num_rows),
            "binding_id": binding,
            "kind": kind,
        }
    )


def _flow(instructions: pa.Table, edges: pa.Table) -> pa.Table:
    """The steps between instructions: within a block, and from its last one, or where an exception leads from any."""
    ids, blocks = instructions.column("instr_id"), instructions.column("block_id")
    block = codes(blocks)
    first = np.flatnonzero(np.diff(block, prepend=-1) != 0)
    size = np.diff(np.append(first, len(block)))
    inside = np.setdiff1d(np.arange(len(block)), first)
    heads = blocks.take(pa.array(first))
    src, dst = (rows_of(edges.column(end), heads) for end in ("src_block_id", "dst_block_id"))
    known = np.flatnonzero((src >= 0) & (dst >= 0))
    src, dst, kind = src[known], dst[known], edges.column("kind").take(pa.array(known))
    is_exc = np.asarray(pc.fill_null(pc.equal(kind, "exc"), fill_value=False))
    plain, exc = np.flatnonzero(~is_exc), np.flatnonzero(is_exc)
    raising = size[src[exc]]
    sources = np.concatenate((inside - 1, first[src[plain]] + size[src[plain]] - 1, spread(first[src[exc]], raising)))
    targets = np.concatenate((inside, first[dst[plain]], np.repeat(first[dst[exc]], raising)))
    kinds = np.concatenate((np.full(len(inside), "next"), _text(kind)[plain], np.full(int(raising.sum()), "exc")))
    return pa.table({"src": _at(ids, sources), "dst": _at(ids, targets), "kind": pa.array(kinds, pa.string())})


def _at(ids: pa.ChunkedArray, rows: Ints) -> pa.ChunkedArray:
    return ids.take(pa.array(rows))


def _text(values: pa.ChunkedArray) -> npt.NDArray[np.str_]:
    spelled: npt.NDArray[np.str_] = pc.fill_null(values, "").to_numpy().astype(np.str_)
    return spelled
