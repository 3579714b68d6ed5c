"""Numeric algorithms over columns. They know no tables: arrays go in, arrays come out."""
