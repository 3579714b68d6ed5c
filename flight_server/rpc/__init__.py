"""Arrow Flight: descriptors, tickets, streams, puts and actions. The only place that knows ``pyarrow.flight``."""
