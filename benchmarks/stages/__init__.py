"""The stages of ``benchmarks/serve.py``, each a module with ``run``."""
