"""Normalization: raw tables to relations, as plans built from plans. No I/O, no loop over rows."""
