"""The store: immutable Parquet files by table and part, numbered snapshots of them, transactions, retention."""
