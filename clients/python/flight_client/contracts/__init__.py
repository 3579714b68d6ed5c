"""The contracts: every table's columns, types, key and order, as data. Needs pyarrow and ``arrowdsl.schema`` alone."""
