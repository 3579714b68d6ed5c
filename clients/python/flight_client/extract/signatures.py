"""Parameter lists: parameters in the order of the signature, by which positions count, and their defaults."""

import ast


def parameters(node: ast.arguments) -> list[ast.arg]:
    """Parameters in the order of the signature."""
    found = [*node.posonlyargs, *node.args, node.vararg, *node.kwonlyargs, node.kwarg]
    return [parameter for parameter in found if parameter is not None]


def defaults(node: ast.arguments) -> dict[int, ast.expr]:
    """The defaults by the positions of their parameters."""
    positional = len(node.posonlyargs) + len(node.args)
    found = dict(enumerate(node.defaults, positional - len(node.defaults)))
    keywords = enumerate(node.kw_defaults, positional + (node.vararg is not None))
    return found | {position: default for position, default in keywords if default is not None}
