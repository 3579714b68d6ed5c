"""Objects of imported modules, as they are at run time: the optional layer rt."""

from flight_server.cpg.families import EdgeFamily, NodeFamily

REPO_NODES = tuple(
    NodeFamily(kind, rows, id_, span=None, in_file=False)
    for kind, rows, id_ in (
        ("RT_OBJECT", "rt_objects", "{rt_id}"),
        ("RT_SIGNATURE", "rt_signatures", "{sig_id}"),
        ("RT_SIGNATURE_PARAM", "rt_signature_params", "{param_id}"),
        ("RT_MEMBER", "rt_members", "{member_id}"),
    )
)
REPO_EDGES = tuple(
    EdgeFamily(
        kind, rows, f"{{{src}}}", f"{{{dst}}}", rule=rule, origin="inspect", span=None, in_file=False, given=(src,)
    )
    for kind, rows, src, dst, rule in (
        ("RT_HAS_SIGNATURE", "rt_signatures", "rt_id", "sig_id", "runtime_signature"),
        ("RT_HAS_PARAM", "rt_signature_params", "sig_id", "param_id", "runtime_parameter"),
        ("RT_HAS_MEMBER", "rt_members", "rt_id", "member_id", "runtime_member"),
    )
)
