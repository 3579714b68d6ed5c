"""SQL over the datasets, run by DuckDB; loaded when the first query arrives, since it needs the extra ``sql``."""
