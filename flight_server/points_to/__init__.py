"""Points-to: what variables, attributes and items may hold, and so what calls call, in a whole repo."""
