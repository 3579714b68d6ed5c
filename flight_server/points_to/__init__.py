"""Points-to analysis: the objects that variables, attributes and items of a repo may hold, and the callees of calls."""
