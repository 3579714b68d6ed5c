"""Serving: a request becomes a snapshot, a plan and a stream of batches."""
