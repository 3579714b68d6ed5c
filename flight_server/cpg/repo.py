"""The repo, its packages, modules and files."""

from flight_server.cpg.families import EdgeFamily, NodeFamily

NODES = (
    NodeFamily("PY_FILE", "repo_files", "{file_id}", span=None),
    NodeFamily("PY_MODULE", "repo_files", "module:{file_id}", span=None, given=("module",)),
)
REPO_NODES = (
    NodeFamily("PY_REPO", "repo_names", "repo:{repo}", span=None, in_file=False),
    NodeFamily("PY_PACKAGE", "packages", "package:{package}", span=None, in_file=False),
)
EDGES = (
    EdgeFamily(
        "REPO_CONTAINS", "repo_file_names", "repo:{repo}", "{file_id}", rule="repo_file", origin="pipeline", span=None
    ),
    EdgeFamily(
        "FILE_DECLARES_MODULE",
        "repo_files",
        "{file_id}",
        "module:{file_id}",
        rule="file_module",
        origin="pipeline",
        span=None,
        given=("module",),
    ),
    EdgeFamily(
        "PACKAGE_CONTAINS",
        "package_modules",
        "package:{package}",
        "module:{file_id}",
        rule="package_module",
        origin="pipeline",
        span=None,
    ),
)
