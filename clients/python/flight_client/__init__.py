"""The Python client: connect to a server, read tables, query them from DuckDB and Polars, ingest source."""
