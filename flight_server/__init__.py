"""The server: store, pipeline, serving, Flight and the command line."""
