"""Code objects, their basic blocks and instructions: the optional layer bc."""

from flight_server.cpg.families import EdgeFamily, NodeFamily, Within

NODES = (
    NodeFamily("BC_CODE_UNIT", "bc_code_units", "{code_unit_id}", span=None),
    NodeFamily("BC_BLOCK", "bc_blocks", "{block_id}", span=None),
    NodeFamily("BC_INSTR", "bc_instructions", "{instr_id}", span=None),
)
EDGES = (
    EdgeFamily(
        "HAS_CODE",
        "bc_code_units",
        "{def_id}",
        "{code_unit_id}",
        rule="code_of_definition",
        origin="dis",
        span=None,
        given=("def_id",),
        within=(Within("cst_defs", (("def_id", "def_id"),)),),
    ),
    EdgeFamily(
        "CONTAINS",
        "bc_code_units",
        "{parent_code_unit_id}",
        "{code_unit_id}",
        rule="nested_code",
        origin="dis",
        span=None,
        given=("parent_code_unit_id",),
    ),
    EdgeFamily(
        "CONTAINS",
        "bc_blocks",
        "{code_unit_id}",
        "{block_id}",
        rule="code_block",
        origin="dis",
        span=None,
        given=("code_unit_id",),
    ),
    EdgeFamily(
        "CONTAINS",
        "bc_instructions",
        "{block_id}",
        "{instr_id}",
        rule="block_instruction",
        origin="dis",
        span=None,
        given=("block_id",),
    ),
    *(
        EdgeFamily(
            kind,
            "bc_cfg_edges",
            "{src_block_id}",
            "{dst_block_id}",
            rule="block_flow",
            origin="dis",
            site="{edge_id}",
            span=None,
            only={"kind": way},
            given=("src_block_id", "dst_block_id"),
        )
        for kind, way in (
            ("BC_CFG_NEXT", "next"),
            ("BC_CFG_TRUE", "true"),
            ("BC_CFG_FALSE", "false"),
            ("BC_CFG_EXC", "exc"),
        )
    ),
    *(
        EdgeFamily("BC_ANCHOR", rows, "{instr_id}", end, rule=rule, origin="dis", method="position")
        for rows, end, rule in (
            ("anchored_calls", "{call_id}", "call_instruction"),
            ("anchored_names", "{name_ref_id}", "name_instruction"),
        )
    ),
    EdgeFamily(
        "BC_REACHES",
        "bytecode_reaching",
        "{def_event_id}",
        "{use_event_id}",
        rule="stored_value",
        origin="dis",
        method="dataflow",
        span=None,
    ),
)
