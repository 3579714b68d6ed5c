"""Objects of imported modules at run time: the optional layer rt."""

from arrowdsl.plan.nodes import Scope
from flight_server.pipeline.families import edges, nodes, props

NODES = nodes("""
    RT_OBJECT           rt_objects           {rt_id}      scope=repo name=name
    RT_SIGNATURE        rt_signatures        {sig_id}     scope=repo name=signature
    RT_SIGNATURE_PARAM  rt_signature_params  {param_id}   scope=repo name=name
    RT_MEMBER           rt_members           {member_id}  scope=repo name=name
""")
EDGES = edges(
    """
    RT_HAS_SIGNATURE  runtime_signature  rt_signatures        {rt_id?} > {sig_id}
    RT_HAS_PARAM      runtime_parameter  rt_signature_params  {sig_id?} > {param_id}
    RT_HAS_MEMBER     runtime_member     rt_members           {rt_id?} > {member_id}
""",
    origin="inspect",
    scope="repo",
)
PROPS = props(
    """
    rt_objects     {rt_id}   name kind=obj_type module qualname
    rt_signatures  {sig_id}  signature
""",
    Scope.REPO,
)
