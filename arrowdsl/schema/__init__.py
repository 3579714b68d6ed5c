"""Schemas: table specifications, alignment, dictionary encoding, inference."""
