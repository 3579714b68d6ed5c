"""Lazy relational plans over Arrow: schemas, expressions, plans, and the runner that streams them."""
