"""Points-to: the objects that variables, attributes and items may hold, and so the callees of calls, in a repo."""
