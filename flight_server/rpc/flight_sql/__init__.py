"""Flight SQL: protobuf messages over ordinary Flight calls, loaded with the extra ``sql`` when the first one comes."""
