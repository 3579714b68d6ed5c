"""Numeric algorithms over columns: their arguments and results are arrays, not tables."""
