"""A file with a byte order mark and without a last newline: offsets count from after the mark."""
import sys

print("é", sys.argv, sep=", ")