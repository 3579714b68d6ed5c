"""Computation on columns: expressions as data and vectorised kernels."""
