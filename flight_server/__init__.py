"""The code graph server: contracts, store, pipeline, serving, Flight."""
